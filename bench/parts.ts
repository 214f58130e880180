/** The parts alone, in this process: the slowest packet there is, signing and verifying, look-up. Times of this machine. */
import { cpus } from 'node:os'
import { decodeMessage } from '../src/dns/codec.ts'
import { DnsFault } from '../src/dns/fault.ts'
import { RecordType } from '../src/dns/message.ts'
import { parseName } from '../src/dns/name.ts'
import { scanPacket } from '../src/resolver/scan.ts'
import { lookUp } from '../src/zone/look-up.ts'
import { publicKeyOf } from '../src/zone/signature.ts'
import { signZone, verifyZone } from '../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../src/zone/soa.ts'
import { DEADLY } from '../test/support/deadly.ts'
import { recordsFrom } from '../test/support/records.ts'
import { ALICE } from '../test/support/zones.ts'

const TRIALS = 300
const KEY = publicKeyOf(ALICE)

export function benchParts(): void {
  say(
    `${cpus()[0]?.model.trim()}, ${cpus().length} processors, Node ${process.version}; medians of ${TRIALS}`,
  )
  const slowest = DEADLY.map(({ name, packet }) => ({
    name,
    milliseconds: milliseconds(() => parse(packet)),
  }))
  slowest.sort((a, b) => b.milliseconds - a.milliseconds)
  for (const { name, milliseconds: took } of slowest.slice(0, 3)) say(`${took.toFixed(3)} ms  ${name}`)
  const text = Array.from({ length: 20 }, (_, at) => `h${at} 300 IN A 192.0.2.${at}`).join('\n')
  const content = { sequence: 1n, soa: DEFAULT_SOA, records: recordsFrom(text, KEY.apex) }
  const zone = signZone(ALICE, content)
  const name = parseName('H7', KEY.apex)
  say(`${milliseconds(() => signZone(ALICE, content)).toFixed(3)} ms  sign a zone of 20 records`)
  say(`${milliseconds(() => verifyZone(zone.bytes)).toFixed(3)} ms  verify it`)
  say(`${milliseconds(() => lookUp(zone, name, RecordType.A)).toFixed(4)} ms  look a name up in it`)
}

/** All that is done with octets from a stranger before they are known to be good. */
function parse(packet: Buffer): void {
  scanPacket(packet)
  try {
    decodeMessage(packet, { trailing: 'ignore' })
  } catch (cause) {
    if (!(cause instanceof DnsFault)) throw cause
  }
}

function milliseconds(run: () => void): number {
  const times = Array.from({ length: TRIALS }, () => {
    const began = performance.now()
    run()
    return performance.now() - began
  })
  return times.sort((a, b) => a - b)[TRIALS >> 1] ?? Number.NaN
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
