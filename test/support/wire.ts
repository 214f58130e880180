import { nameToWire, parseName } from '../../src/dns/name.ts'

/** Octets out of pieces: text is hexadecimal, white space in it ignored. */
export function octets(...pieces: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece.replace(/\s/g, ''), 'hex') : piece)),
  )
}

export function uint16(value: number): Buffer {
  return octets(value.toString(16).padStart(4, '0'))
}

/** A name as it travels when nothing is compressed. */
export function wireName(text: string): Buffer {
  return nameToWire(parseName(text))
}

/** A header (QR=1, nothing else set) whose counts are what one says, true or not. */
export function header(counts: { qd?: number; an?: number; ns?: number; ar?: number }): Buffer {
  const { qd = 0, an = 0, ns = 0, ar = 0 } = counts
  return octets('0000 8000', uint16(qd), uint16(an), uint16(ns), uint16(ar))
}

/** A record of class IN and TTL 60, its owner already in wire form. */
export function wireRecord(owner: Uint8Array | string, type: number, data: Uint8Array | string): Buffer {
  const rdata = octets(data)
  return octets(owner, uint16(type), '0001 0000003c', uint16(rdata.length), rdata)
}
