/** UPDATE (RFC 2136) of this node's zones, signed with TSIG: what `nsupdate -y` sends. */
import type { LRUCache } from 'lru-cache'
import { boundedCache } from '../cache.ts'
import type { Clock } from '../clock.ts'
import { DnsFault } from '../dns/fault.ts'
import { RecordClass, RecordType } from '../dns/message.ts'
import { type Name, sameName } from '../dns/name.ts'
import { checkTsig, decodeTsig, signReply, TSIG, type Tsig, TsigError } from '../dns/tsig.ts'
import { HEADER_OCTETS, type RecordBorders, walkMessage } from '../dns/walker.ts'
import type { Petnames } from '../names/petname.ts'
import { whoseName } from '../names/whose.ts'
import { ZoneFault } from '../zone/fault.ts'
import type { PublicKey } from '../zone/key.ts'
import { RecordsFault } from '../zone/records.ts'
import { PublisherFault } from './fault.ts'
import type { Publisher } from './published.ts'
import {
  Code,
  NothingToDo,
  Update,
  UpdateFault,
  type UpdateKey,
  type UpdateSections,
} from './update-records.ts'

export interface UpdateDeps {
  readonly publisher: Pick<Publisher, 'get' | 'change'>
  readonly suffix: Name
  readonly petnames: Petnames
  readonly clock: Clock
  /** @param name folded */
  keyNamed(name: Name): UpdateKey | undefined
}

const OPCODE_UPDATE = 0x2800
const RESPONSE = 0x8000
const ID_AND_FLAGS = 4
/** Updates remembered, so that one that is sent again is not done again. */
const MAX_DONE = 1000
/** Records one update may name. */
const MAX_RECORDS = 200

export type UpdateDoor = (packet: Buffer) => Promise<Buffer>

export function openUpdates(deps: UpdateDeps): UpdateDoor {
  const done: LRUCache<string, Promise<number>> = boundedCache(MAX_DONE)
  return async (packet) => {
    const parsed = parse(packet)
    if (typeof parsed === 'number') return replyTo(packet, parsed)
    const { tsig } = parsed
    const key = tsig && deps.keyNamed(tsig.keyName)
    if (!tsig) return replyTo(packet, Code.refused, parsed.zoneEnd)
    const now = deps.clock.now()
    const error = checkTsig(packet, tsig, { key, now })
    const signing = {
      key: key ?? { name: tsig.keyName, secret: Buffer.alloc(0) },
      now,
      requestMac: tsig.mac,
      error,
    }
    if (!key || error !== TsigError.none)
      return signReply(replyTo(packet, Code.notAuth, parsed.zoneEnd), signing)
    // What a client sends twice, since a reply was lost, or somebody else who has listened, is done once.
    const mac = tsig.mac.toString('hex')
    const running = done.get(mac) ?? perform(parsed, key, { ...deps, packet })
    done.set(mac, running)
    return signReply(replyTo(packet, await running, parsed.zoneEnd), signing)
  }
}

interface Parsed extends UpdateSections {
  readonly zone: { readonly name: Name; readonly type: number; readonly class: number }
  readonly zoneEnd: number
  readonly tsig: Tsig | undefined
}

/** An rcode where it is none. */
function parse(packet: Buffer): Parsed | number {
  try {
    const { questions, records } = walkMessage(packet)
    const [zone] = questions
    if (!zone || questions.length !== 1 || zone.type !== RecordType.SOA || records.length > MAX_RECORDS)
      return Code.formErr
    const last = records.at(-1)
    const isSigned = last?.type === TSIG && last.section === 'additional'
    const inSection = (section: RecordBorders['section']) =>
      records.filter((record) => record.section === section)
    return {
      zone,
      zoneEnd: zone.end,
      prerequisites: inSection('answer'),
      updates: inSection('authority'),
      tsig: isSigned ? decodeTsig(packet, last) : undefined,
    }
  } catch (fault) {
    if (fault instanceof DnsFault) return Code.formErr
    throw fault
  }
}

/** Header and zone section, nothing else (RFC 2136 3.8). */
function replyTo(packet: Buffer, code: number, zoneEnd = HEADER_OCTETS): Buffer {
  const reply = Buffer.from(packet.subarray(0, zoneEnd))
  reply.writeUInt16BE(RESPONSE | OPCODE_UPDATE | code, 2)
  reply.fill(0, ID_AND_FLAGS, HEADER_OCTETS)
  if (zoneEnd > HEADER_OCTETS) reply.writeUInt16BE(1, ID_AND_FLAGS)
  return reply
}

interface Performing extends UpdateDeps {
  readonly packet: Buffer
}

/** @returns the rcode. Never rejects */
async function perform(parsed: Parsed, key: UpdateKey, deps: Performing): Promise<number> {
  try {
    const zone = zoneOf(parsed, deps)
    const update = new Update(parsed, { ...deps, zone, key })
    await deps.publisher.change(zone, (newest) => update.applyTo(newest))
    return Code.noError
  } catch (fault) {
    if (fault instanceof NothingToDo) return Code.noError
    if (fault instanceof UpdateFault) return fault.code
    if (fault instanceof RecordsFault || fault instanceof ZoneFault) return Code.refused
    if (fault instanceof DnsFault) return Code.formErr
    if (fault instanceof PublisherFault) return fault.reason === 'unknown-zone' ? Code.notAuth : Code.servFail
    return Code.servFail
  }
}

function zoneOf({ zone }: Parsed, { publisher, suffix, petnames }: Performing): PublicKey {
  const whose = whoseName(zone.name, suffix, petnames)
  const isApex = whose.kind === 'zone' && sameName(whose.inZone, whose.key.apex)
  if (!isApex || zone.class !== RecordClass.IN || !publisher.get(whose.key))
    throw new UpdateFault(Code.notAuth)
  return whose.key
}
