/** What an attacker does from its own address: a process that takes commands of `npm run attack` and answers each. */

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

process.on('message', ({ id, command }: Message) => {
  obey(command).then(
    (value) => process.send?.({ id, value }),
    (cause: unknown) => process.send?.({ id, fault: cause instanceof Error ? cause.stack : String(cause) }),
  )
})
process.on('disconnect', () => process.exit())
