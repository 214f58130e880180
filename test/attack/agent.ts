/** What an attacker does from its own address: a process that takes commands of `npm run attack` and answers each. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { Asker } from './asker.ts'
import { Canary } from './canary.ts'
import type { Command, Outcomes } from './commands.ts'
import { flood } from './flooding.ts'
import { HostilePeer } from './hostile.ts'

interface Message {
  readonly id: number
  readonly command: Command
}

const peers: HostilePeer[] = []
const canaries: Canary[] = []
let asker: Asker | undefined

async function obey(command: Command): Promise<Outcomes[Command['do']]> {
  switch (command.do) {
    case 'listen':
      peers.push(await HostilePeer.open(command))
      return undefined
    case 'meet':
      for (const address of command.addresses) for (const peer of peers) await peer.meet(address)
      return undefined
    case 'served':
      return peers.reduce((sum, { served }) => sum + served, 0)
    case 'watch':
      canaries.push(await Canary.open(command.port))
      return undefined
    case 'dials':
      return canaries.flatMap((canary) => canary.dialled)
    case 'call':
      await call(command.host, command.port)
      return undefined
    case 'publish':
      return await publish(command)
    case 'flood':
      return await flood(command)
    case 'put':
      return await (await openAsker()).put(command.to, command)
    case 'get':
      return await (await openAsker()).get(command.to, command.key)
    case 'trickle':
      return await (await openAsker()).trickle(command.to, command)
    case 'hold':
      return await (await openAsker()).hold(command.to, command)
  }
}

async function openAsker(): Promise<Asker> {
  asker ??= await Asker.open()
  return asker
}

/** Connects, and waits until the other side has closed. */
async function call(host: string, port: number): Promise<void> {
  const socket = connect({ host, port })
  await once(socket.resume(), 'close')
}

/** As the node's owner: a new zone with one TXT record. */
async function publish({ api, token, text }: Extract<Command, { do: 'publish' }>) {
  const send = async <Body>(method: string, path: string, body?: object): Promise<Body> => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
    const content = body && { body: JSON.stringify(body) }
    const reply = await fetch(`http://${api}${path}`, { method, headers, ...content })
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as Body
  }
  const { key, name } = await send<{ key: string; name: string }>('POST', '/v1/zones')
  const records = [{ name: '@', type: 'TXT', ttl: 300, value: `"${text}"` }]
  const { storedOn } = await send<{ storedOn: number }>('PUT', `/v1/zones/${key}/records`, { records })
  return { name, storedOn }
}

process.on('message', ({ id, command }: Message) => {
  obey(command).then(
    (value) => process.send?.({ id, value }),
    (cause: unknown) => process.send?.({ id, fault: cause instanceof Error ? cause.stack : String(cause) }),
  )
})
process.on('disconnect', () => process.exit())
