/** A node as people start it, in a process of its own, and its REST as people use it. */
import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ALONE, type Workplace } from './kadns.ts'

/** Of GET /v1/node. */
interface NodeState {
  readonly dns: string
  readonly addresses: readonly string[]
}

export class RunningNode {
  readonly process: ChildProcess
  /** `127.0.0.1:8053` */
  readonly api: string
  /** The same of its DNS door. */
  readonly dns: string
  /** Multiaddr others can join by. */
  readonly address: string
  readonly #token: string

  private constructor(child: ChildProcess, parts: { api: string; token: string; state: NodeState }) {
    this.process = child
    this.api = parts.api
    this.dns = parts.state.dns
    this.address = parts.state.addresses[0] ?? ''
    this.#token = parts.token
  }

  /** @param data a directory of the workplace, made when it is not there */
  static async start(place: Workplace, data: string, ...flags: string[]): Promise<RunningNode> {
    const running = place.start('up', `--data=${data}`, '--log-level=error', ...ALONE, ...flags)
    const [, api = ''] = await running.says(/REST\s+http:\/\/([\d.:]+)/)
    const token = (await readFile(join(place.directory, data, 'api-token'), 'latin1')).trim()
    return new RunningNode(running.child, { api, token, state: await getJson(`http://${api}/v1/node`) })
  }

  async get<Body>(path: string): Promise<Body> {
    return await getJson(`http://${this.api}${path}`)
  }

  /** @throws Error with the API's own words when it refuses */
  async send<Body>(method: 'POST' | 'PUT', path: string, body?: object): Promise<Body> {
    const reply = await this.request(method, path, body)
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as Body
  }

  /** With the token. */
  async request(
    method: 'POST' | 'PUT',
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await fetch(`http://${this.api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  /** Makes a zone with these records. @returns what it stands under, and on how many nodes it is */
  async publish(records: readonly object[]): Promise<{ name: string; storedOn: number }> {
    const { key, name } = await this.send<{ key: string; name: string }>('POST', '/v1/zones')
    const { storedOn } = await this.send<{ storedOn: number }>('PUT', `/v1/zones/${key}/records`, { records })
    return { name, storedOn }
  }
}

async function getJson<Body>(url: string): Promise<Body> {
  return (await (await fetch(url)).json()) as Body
}
