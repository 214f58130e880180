/** Machines on one wire, made of Linux network namespaces: real interfaces, real multicast, nobody else. Needs root and ip. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readToken, tokenFile } from '../../src/api/token.ts'

const run = promisify(execFile)
const ip = async (...words: string[]) => await run('ip', words)
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
/** One request from within a namespace: method, URL, token, body. */
const REQUEST = `
const [method, url, token, body] = process.argv.slice(1)
const headers = { authorization: 'Bearer ' + token, ...(body ? { 'content-type': 'application/json' } : {}) }
process.stdout.write(await (await fetch(url, { method, headers, ...(body ? { body } : {}) })).text())`

/** The wire: a bridge in a namespace of its own. */
export class Wire implements AsyncDisposable {
  readonly #name = `kadns-${process.pid}`
  readonly #opened = new AsyncDisposableStack()
  #count = 0

  static async open(): Promise<Wire> {
    const wire = new Wire()
    await wire.#namespace(wire.#name)
    await ip('-n', wire.#name, 'link', 'add', 'wire', 'type', 'bridge')
    await ip('-n', wire.#name, 'link', 'set', 'wire', 'up')
    return wire
  }

  /** A machine with an address, and a router it never reaches: as in a home that has lost its line. */
  async machine(address: string, router: string): Promise<Machine> {
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
    await ip('-n', name, 'route', 'add', 'default', 'via', router)
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

  get pid(): number {
    return this.#node?.pid ?? 0
  }

  /** `kadns up` with nothing set but where its files are, and what a wide area needs to be met at all. */
  async start(data: string, ...flags: string[]): Promise<void> {
    this.#data = data
    const words = ['netns', 'exec', this.#name, process.execPath, MAIN, 'up', '--data', data, ...flags]
    const node = spawn('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#node = node
    let said = ''
    for await (const chunk of node.stderr) {
      said += String(chunk)
      if (said.includes('KadNS is up.')) break
    }
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
    return (await this.#run('dig', '@127.0.0.1', '-p', '5300', '+short', name, type)).trim()
  }

  async status(name: string, type: string): Promise<string> {
    const text = await this.#run('dig', '@127.0.0.1', '-p', '5300', name, type)
    return /status: (\w+)/.exec(text)?.[1] ?? text
  }

  async stop(): Promise<void> {
    const node = this.#node
    if (!node || node.exitCode !== null || node.signalCode !== null) return
    const gone = once(node, 'exit')
    node.kill('SIGTERM')
    await gone
  }

  async #run(command: string, ...words: string[]): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.#name, command, ...words])
    return stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
