/** The programs that ask, and what each of them saw, without what differs by itself: ids, times, TTLs, the order of a set. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Seen {
  readonly rcode: string
  /** In alphabetical order, without TTLs. */
  readonly answers: readonly string[]
  /** Of TC, RA and AD those that are set. (AA is not compared: unbound sets it for zones that are its own, we never.) */
  readonly flags: string
  /** Whether an SOA stands beside an answer without data. */
  readonly soa: boolean
}

/** Milliseconds a client may take. */
const PATIENCE = 20_000

export const CLIENTS = {
  dig: (host: string, port: string, [name, type]: readonly [string, string]) => [
    ...['dig', `@${host}`, '-p', port, '+tries=1', '+time=5', name, type],
  ],
  kdig: (host: string, port: string, [name, type]: readonly [string, string]) => [
    ...['kdig', `@${host}`, '-p', port, '+retry=0', '+time=5', name, type === 'SPF' ? 'TYPE99' : type],
  ],
  drill: (host: string, port: string, [name, type]: readonly [string, string]) => [
    ...['drill', '-p', port, `@${host}`, name, type],
  ],
} as const

export type Client = keyof typeof CLIENTS

/** @param question `name TYPE` */
export async function ask(
  client: Client,
  { host, port }: { host: string; port: string },
  question: string,
): Promise<Seen> {
  const [name = '', type = ''] = question.split(' ')
  const [program = '', ...words] = CLIENTS[client](host, port, [name, type])
  return read(await output(program, words))
}

/** What a program printed, whether it was content or not. */
export async function output(program: string, words: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, words, { timeout: PATIENCE, maxBuffer: 1 << 24 })
    return stdout
  } catch (fault) {
    return (fault as { stdout?: string }).stdout ?? ''
  }
}

function read(printed: string): Seen {
  const [, rcode = 'nothing'] = /(?:status|rcode): (\w+)/.exec(printed) ?? []
  const [, flags = ''] = /flags: ([a-z ]*)/i.exec(printed) ?? []
  const [answers, authority] = [recordsOf(printed, 'ANSWER'), recordsOf(printed, 'AUTHORITY')]
  return {
    rcode,
    answers: answers.sort(),
    flags: flags
      .split(' ')
      .filter((flag) => ['tc', 'ra', 'ad'].includes(flag))
      .join(' '),
    soa: answers.length === 0 && authority.some((record) => / SOA /.test(record)),
  }
}

/** Owner, class, type and data; owners in lower case, for not every server spells them as they were asked. */
function recordsOf(printed: string, section: string): string[] {
  const [, body = ''] = new RegExp(`;; ${section} SECTION:\\n((?:[^\\n]+(?:\\n|$))*)`).exec(printed) ?? []
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
  return lines.map((line) => {
    const [owner = '', , ...rest] = line.split(/\s+/)
    return [owner.toLowerCase(), ...rest].join(' ')
  })
}
