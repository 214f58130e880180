/** The command as people run it: a process of its own, in a directory that goes away. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** The file `kadns` runs. */
export const MAIN = join(import.meta.dirname, '../../bin/kadns.js')

/** Free ports on loopback, nobody to ask, and as many writes as a test is quick: a node that disturbs no other. */
export const ALONE = [
  '--dns-listen=127.0.0.1:0',
  '--api-listen=127.0.0.1:0',
  '--dht-listen=/ip4/127.0.0.1/tcp/0',
  '--upstream-servers=',
  '--api-max-writes-per-minute=1000000',
]

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where commands run: a temporary directory, and an environment without settings. Disposing ends what still runs. */
export class Workplace implements AsyncDisposable {
  readonly directory: string
  readonly #children = new Set<ChildProcess>()

  constructor(directory: string) {
    this.directory = directory
  }

  static async open(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'kadns-')))
  }

  /** Runs `kadns` with these words to its end. */
  async run(...words: string[]): Promise<Outcome> {
    return await this.start(...words).ended
  }

  start(...words: string[]): Running {
    return this.spawn(process.execPath, [MAIN, ...words])
  }

  spawn(command: string, words: readonly string[], environment: Record<string, string> = {}): Running {
    const child = spawn(command, words, {
      cwd: this.directory,
      env: { ...withoutSettings(process.env), ...environment, TMPDIR: this.directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return new Running(child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = Array.from(this.#children, async (child) => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    await Promise.all(ends)
    await rm(this.directory, { recursive: true, force: true })
  }
}

function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('KADNS_')))
}

export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>

  constructor(child: ChildProcess) {
    this.child = child
    const { stdout, stderr } = child
    if (!stdout || !stderr) throw new Error('The command has to have its output piped.')
    this.ended = Promise.all([text(stdout), text(stderr), once(child, 'close')]).then(
      ([out, err, [code]]) => ({ code: code as number | null, stdout: out, stderr: err }),
    )
  }

  /** The first match in what it says to people, as soon as it is there; throws when it ends without. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#match('stderr', pattern)
  }

  /** The same of its output. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#match('stdout', pattern)
  }

  async #match(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
    let said = ''
    this.child[stream]?.on('data', (octets) => {
      said += octets
      const match = pattern.exec(said)
      if (match) resolve(match)
    })
    this.child.once('close', () => reject(new Error(`It ended without ${pattern}; it said: ${said}`)))
    return await promise
  }
}
