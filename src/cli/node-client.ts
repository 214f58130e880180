/** The running node as commands speak to it: REST, with the token where one is needed, and faults as sentences. */
import { readToken, tokenFile } from '../api/token.ts'
import type { Config } from '../config.ts'
import { apiUrl } from './node-url.ts'

/** The node says no, in its own words. */
export class RefusedFault extends Error {
  override readonly name = 'RefusedFault'
  readonly sentences: readonly string[]
  /** 404 and so on. */
  readonly status: number

  constructor(status: number, sentences: readonly string[]) {
    super(sentences.join('\n'))
    this.status = status
    this.sentences = sentences
  }
}

/** Nobody answers where the node should be, or somebody else does. */
export class NotReachedFault extends Error {
  override readonly name = 'NotReachedFault'
}

export interface Sent {
  readonly body?: Buffer | string | object
  /** Of the body; JSON where it is an object. */
  readonly type?: string
  readonly accept?: string
  /** Also where nothing is changed: what is asked for is private. */
  readonly withToken?: boolean
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Milliseconds the node may take: publishing waits for other nodes. */
const PATIENCE = 20_000
/** Faults of one request that are told. */
const MAX_TOLD = 20

export class NodeClient {
  readonly #config: Config
  readonly #url: string

  constructor(config: Config) {
    this.#config = config
    this.#url = apiUrl(config)
  }

  /** What the node says, as text. @throws RefusedFault, NotReachedFault, TokenFault */
  async text(method: Method, path: string, sent: Sent = {}): Promise<string> {
    const reply = await this.#open(method, path, sent)
    return await reply.text().catch((cause: unknown) => this.#notReached(cause))
  }

  /** @throws RefusedFault, NotReachedFault, TokenFault */
  async json<Body>(method: Method, path: string, sent: Sent = {}): Promise<Body> {
    const text = await this.text(method, path, sent)
    try {
      return JSON.parse(text) as Body
    } catch {
      throw new NotReachedFault(`What answers at ${this.#host} is no node of KadNS.`)
    }
  }

  /** What the node tells as it happens. @throws as above */
  async *events<Event>(path: string): AsyncGenerator<Event> {
    const { body } = await this.#open('GET', path, { accept: 'application/x-ndjson' })
    let rest = ''
    for await (const piece of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield JSON.parse(line) as Event
    }
  }

  /** The reply, its body unread. @throws RefusedFault, NotReachedFault, TokenFault */
  async #open(
    method: Method,
    path: string,
    { body, type, accept, withToken = method !== 'GET' }: Sent = {},
  ): Promise<Response> {
    const isObject = typeof body === 'object' && !Buffer.isBuffer(body)
    const headers: Record<string, string> = {
      ...(withToken && { authorization: `Bearer ${await this.#token()}` }),
      ...(body !== undefined && { 'content-type': type ?? 'application/json' }),
      ...(accept !== undefined && { accept }),
    }
    const request = {
      method,
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
      ...(body !== undefined && {
        body: isObject ? JSON.stringify(body) : (body as Buffer<ArrayBuffer> | string),
      }),
    } as const
    using _patience = tellOfWaiting()
    const reply = await fetch(this.#url + path, request).catch((cause: unknown) => this.#notReached(cause))
    if (!reply.ok) throw await refusal(reply)
    return reply
  }

  async #token(): Promise<string> {
    return await readToken(tokenFile(this.#config.data))
  }

  get #host(): string {
    return new URL(this.#url).host
  }

  #notReached(cause: unknown): never {
    const isLate = cause instanceof Error && cause.name === 'TimeoutError'
    const sentence = isLate
      ? `The node at ${this.#host} took longer than ${PATIENCE / 1000} s.`
      : `No node answers at ${this.#host}; is it running (kadns up)?`
    throw new NotReachedFault(sentence, { cause })
  }
}

/** To people at a terminal: what takes over a second has not come to nothing. */
function tellOfWaiting(): Disposable {
  if (!process.stderr.isTTY) return { [Symbol.dispose]: () => undefined }
  let seconds = 0
  const timer = setInterval(() => {
    process.stderr.write(`\rwaiting for the node, and it for others: ${++seconds} s `)
  }, 1000)
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer)
      if (seconds > 0) process.stderr.write('\r\u001b[K')
    },
  }
}

interface Problem {
  readonly detail?: string
  readonly faults?: readonly {
    readonly index?: number
    readonly line?: number
    readonly column?: number
    readonly message: string
  }[]
}

async function refusal(reply: Response): Promise<RefusedFault> {
  const problem = (await reply.json().catch(() => ({}))) as Problem
  const faults = (problem.faults ?? []).slice(0, MAX_TOLD).map(({ index, line, column, message }) => {
    if (line !== undefined) return `Line ${line}, column ${column}: ${message}`
    return index === undefined ? message : `Record ${index + 1}: ${message}`
  })
  const detail = problem.detail ?? `The node refuses with ${reply.status}.`
  return new RefusedFault(reply.status, [detail, ...faults.filter((sentence) => sentence !== detail)])
}
