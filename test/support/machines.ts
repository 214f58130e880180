/** Machines on one wire, made of Linux network namespaces: real interfaces, real multicast, nobody else. Needs root, ip and dig. */
import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readToken, tokenFile } from '../../src/api/token.ts'

const run = promisify(execFile)
const ip = async (...words: string[]) => await run('ip', words)
const MAIN = join(import.meta.dirname, '../../bin/kadns.js')
/** Where a node answers unless told otherwise. */
const DNS_PORT = 5300
/** One request from within a namespace: method, URL, token, body. */
const REQUEST = `
const [method, url, token, body] = process.argv.slice(1)
const headers = { authorization: 'Bearer ' + token, ...(body ? { 'content-type': 'application/json' } : {}) }
process.stdout.write(await (await fetch(url, { method, headers, ...(body ? { body } : {}) })).text())`

/** The wire: a bridge in a namespace of its own. */
export class Wire implements AsyncDisposable {
  static #wires = 0
  readonly #name = `kadns-${process.pid}-${++Wire.#wires}`
  readonly #opened = new AsyncDisposableStack()
  #count = 0

  static async open(): Promise<Wire> {
    const wire = new Wire()
    await wire.#namespace(wire.#name)
    await ip('-n', wire.#name, 'link', 'add', 'wire', 'type', 'bridge')
    await ip('-n', wire.#name, 'link', 'set', 'wire', 'up')
    return wire
  }

  /**
   * A machine with an address.
   * @param router one that is never reached, as in a home that has lost its line; none: all addresses are on this wire,
   *   and as on the Internet no multicast goes from machine to machine
   */
  async machine(address: string, router?: string): Promise<Machine> {
    const number = ++this.#count
    const name = `${this.#name}-${number}`
    await this.#namespace(name)
    const port = `port${number}`
    await ip(
      ...['-n', this.#name, 'link', 'add', port, 'type', 'veth'],
      ...['peer', 'name', 'eth0', 'netns', name],
    )
    await ip('-n', this.#name, 'link', 'set', port, 'master', 'wire', 'up')
    await ip('-n', name, 'address', 'add', address, 'dev', 'eth0')
    for (const device of ['lo', 'eth0']) await ip('-n', name, 'link', 'set', device, 'up')
    if (router === undefined)
      await ip('-n', this.#name, 'link', 'set', port, 'type', 'bridge_slave', 'mcast_flood', 'off')
    const beyond = router === undefined ? ['dev', 'eth0'] : ['via', router]
    await ip('-n', name, 'route', 'add', 'default', ...beyond)
    return this.#opened.use(new Machine(name))
  }

  async #namespace(name: string): Promise<void> {
    await ip('netns', 'add', name)
    this.#opened.defer(async () => void (await ip('netns', 'del', name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

export class Machine implements AsyncDisposable {
  readonly #name: string
  #node: ChildProcess | undefined
  #data = ''

  constructor(name: string) {
    this.#name = name
  }

  /** One address more, that nobody else on the wire knows a way to. */
  async address(own: string): Promise<void> {
    await ip('-n', this.#name, 'address', 'add', own, 'dev', 'lo')
  }

  /** Pulls the cable, or puts it in again; the routes go with it. */
  async cable(state: 'up' | 'down'): Promise<void> {
    await ip('-n', this.#name, 'link', 'set', 'eth0', state)
    if (state === 'up') await ip('-n', this.#name, 'route', 'replace', 'default', 'dev', 'eth0')
  }

  get pid(): number {
    return this.#node?.pid ?? 0
  }

  /** Octets of memory that the node takes. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8')
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1024
  }

  /** Takes whatever comes for these addresses, e.g. `10.0.0.0/8`, as its own. */
  async answerFor(addresses: string): Promise<void> {
    await ip('-n', this.#name, 'route', 'add', 'local', addresses, 'dev', 'lo')
  }

  /** A process in here; whoever starts it ends it. */
  spawn(words: readonly string[], stdio: StdioOptions): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.#name, process.execPath, ...words], { stdio })
  }

  /** `kadns up` with nothing set but where its files are, and what a wide area needs to be met at all. */
  async start(data: string, ...flags: string[]): Promise<void> {
    this.#data = data
    const node = this.spawn([MAIN, 'up', '--data', data, ...flags], ['ignore', 'ignore', 'pipe'])
    this.#node = node
    let said = ''
    // Left open: a node that cannot say what it has to say would end.
    for await (const chunk of node.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
      said += String(chunk)
      if (said.includes('KadNS is up.')) break
    }
    node.stderr?.resume()
    if (!said.includes('KadNS is up.')) throw new Error(`A node did not start: ${said}`)
  }

  async rest<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const token = await readToken(tokenFile(this.#data))
    const words = ['--input-type=module', '-e', REQUEST, method, `http://127.0.0.1:8053${path}`, token]
    const json = body === undefined ? [] : [JSON.stringify(body)]
    return JSON.parse(await this.#run(process.execPath, ...words, ...json)) as Body
  }

  /** What dig says here, without decoration. */
  async dig(name: string, type: string): Promise<string> {
    return (await this.#run('dig', ...doorAt(DNS_PORT), '+short', name, type)).trim()
  }

  async status(name: string, type: string): Promise<string> {
    const text = await this.reply(name, type)
    return /status: (\w+)/.exec(text)?.[1] ?? text
  }

  /** All of what dig says; also that nobody replied. */
  async reply(name: string, type: string, port = DNS_PORT): Promise<string> {
    try {
      return await this.#run('dig', ...doorAt(port), name, type)
    } catch (cause) {
      return (cause as { stdout?: string }).stdout ?? String(cause)
    }
  }

  async stop(): Promise<void> {
    if (this.#node) await endProcess(this.#node, 'SIGTERM')
  }

  async #run(command: string, ...words: string[]): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.#name, command, ...words])
    return stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#node) await endProcess(this.#node, 'SIGKILL')
  }
}

function doorAt(port: number): string[] {
  return ['@127.0.0.1', '-p', String(port), '+tries=1', '+timeout=5']
}

/** Does nothing to one that has ended. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}
