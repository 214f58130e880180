/** Zones signed by keys made for it, put as fast as they are taken: what one address can do. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { identify } from '@libp2p/identify'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { FrameSplitter } from '../../src/dht/frame-splitter.ts'
import { decodeReply, encodeRequest, ZONE_PROTOCOL } from '../../src/dht/frames.ts'
import { signedPart } from '../../src/zone/signed-zone.ts'
import { encodeZBase32 } from '../../src/zone/z-base-32.ts'
import { TestOwner } from '../support/test-zone.ts'
import { Asker, BUDGET } from './asker.ts'
import type { Flood } from './commands.ts'
import { baseOptions } from './hostile.ts'

/** Identities of one address: each has a rate of its own. */
const PEERS = 4
/** Requests in flight of one identity: beyond 64 the answer is busy. */
const IN_FLIGHT = 60
/** Milliseconds of silence after which the rest counts as unanswered. */
const PATIENCE = 10_000
const MESSAGE_AT = 104
/** Of SubjectPublicKeyInfo with ed25519, what stands before the key. */
const SPKI_HEAD = 12

/** Each is this zone under another key: fast, since nothing is built anew but the signature. */
export function* signedZones(count: number): Generator<Buffer> {
  const owner = new TestOwner()
  const { bytes, sequence, key } = owner.sign('flood')
  const template = Buffer.from(bytes.subarray(MESSAGE_AT)).toString('latin1')
  for (let number = 0; number < count; number++) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const own = publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_HEAD)
    const message = Buffer.from(template.replaceAll(key.label, encodeZBase32(own)), 'latin1')
    const signature = sign(null, signedPart(sequence, message), privateKey)
    yield Buffer.concat([own, signature, bytes.subarray(96, MESSAGE_AT), message])
  }
}

/** @returns how often each answer came */
export async function flood({ to, count, by }: Flood): Promise<Record<string, number>> {
  const zones = [...signedZones(count)]
  const told: Record<string, number> = {}
  const tell = (answer: string) => {
    told[answer] = (told[answer] ?? 0) + 1
  }
  const share = Math.ceil(count / PEERS)
  const shares = Array.from({ length: PEERS }, (_, at) => zones.slice(at * share, (at + 1) * share))
  const give = by === 'kad' ? giveByKad : giveByZone
  await Promise.all(shares.map((part) => give(to, part, tell)))
  return told
}

type Tell = (answer: string) => void

async function giveByKad(to: string, zones: readonly Buffer[], tell: Tell): Promise<void> {
  const asker = await Asker.open()
  for (const zone of zones) {
    tell(await asker.put(to, { zone: zone.toString('base64'), by: 'kad' }).catch(() => 'failed'))
  }
}

/** Many requests in flight, on one stream. */
async function giveByZone(to: string, zones: readonly Buffer[], tell: Tell): Promise<void> {
  const node = await createLibp2p({
    ...baseOptions([]),
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() },
  })
  const stream = await node.dialProtocol(multiaddr(to), ZONE_PROTOCOL)
  const splitter = new FrameSplitter()
  const done = Promise.withResolvers<void>()
  let sent = 0
  let answered = 0
  const next = () => {
    const bytes = zones[sent]
    if (bytes && stream.status === 'open')
      stream.send(encodeRequest({ kind: 'put', bytes, ...BUDGET, request: ++sent }))
  }
  stream.addEventListener('close', () => done.resolve())
  stream.addEventListener('message', ({ data }) => {
    for (const frame of splitter.push(data.subarray())) {
      const reply = decodeReply(frame)
      tell(reply.kind === 'refused' ? reply.refusal : reply.kind)
      if (++answered === zones.length) done.resolve()
      next()
    }
  })
  for (let number = 0; number < IN_FLIGHT; number++) next()
  let before = -1
  while (before < answered && answered < zones.length) {
    before = answered
    await Promise.race([done.promise, setTimeout(PATIENCE)])
  }
  for (let number = answered; number < zones.length; number++) tell('unanswered')
  await node.stop()
}
