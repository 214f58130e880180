/** A lookup for people who want to see it: every peer that is asked, and what it says. */
import type { Followed, FollowOptions, LookupStep } from '../zone/directory.ts'
import type { PublicKey } from '../zone/key.ts'
import type { DhtConfig } from './config.ts'
import { peerIdOf } from './contacts.ts'
import type { Contact } from './frames.ts'
import type { Heard } from './lookup-goal.ts'
import type { Networks } from './networks.ts'

export interface FollowGoal extends FollowOptions {
  readonly key: PublicKey
  /** What is older is not the answer. */
  readonly floor: bigint
}

export interface FollowNeeds {
  readonly networks: Pick<Networks, 'search'>
  readonly config: Pick<DhtConfig, 'walkTimeout'>
}

export async function follow(
  { key, floor, until, signal, tell }: FollowGoal,
  { networks, config }: FollowNeeds,
): Promise<Followed> {
  signal.throwIfAborted()
  const watch = tell && ((heard: Heard) => tell(stepOf(heard)))
  const goal = {
    key,
    replica: 0,
    floor,
    until,
    timeout: config.walkTimeout,
    ...(watch && { watch }),
  } as const
  const { verdict, holders, effort } = await networks.search(goal, signal)
  signal.throwIfAborted()
  if (verdict.kind === 'same') throw new Error('No copy was named that another could be the same as.')
  const sequence = verdict.kind === 'found' ? verdict.zone.sequence : undefined
  return { kind: verdict.kind, copies: holders.length, effort, ...(sequence !== undefined && { sequence }) }
}

function stepOf({ contact, hop, reply, milliseconds, zone }: Heard): LookupStep {
  const asked = { peer: nameOfPeer(contact), hop }
  if (reply === undefined) return { step: 'asked', ...asked }
  const closer = typeof reply === 'string' || reply.kind === 'busy' ? [] : reply.closer.map(nameOfPeer)
  const answer = { ...asked, said: wordOf(reply), closer, milliseconds }
  return { step: 'answered', ...answer, ...(zone && { sequence: zone.sequence }) }
}

function wordOf(reply: NonNullable<Heard['reply']>): Extract<LookupStep, { step: 'answered' }>['said'] {
  if (typeof reply === 'string') return reply
  if (reply.kind === 'absent' || reply.kind === 'busy') return reply.kind
  return 'found'
}

/** A reply may name what is no peer. */
function nameOfPeer(contact: Contact): string {
  try {
    return peerIdOf(contact).toString()
  } catch {
    return '?'
  }
}
