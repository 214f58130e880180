/** Bugs that somebody might make: for each the line as it is, the line as it would be, and the room whose tests have to fail. */
export interface Bug {
  readonly what: string
  /** Under src/. */
  readonly file: string
  readonly line: string
  readonly instead: string
  /** Under test/. */
  readonly tests: string
}

export const BUGS: readonly Bug[] = [
  {
    what: 'a compression pointer may point forward, and so in a circle',
    file: 'dns/walker.ts',
    line: 'if (target >= segment) throw',
    instead: 'if (target > 0xffff) throw',
    tests: 'dns',
  },
  {
    what: 'names of a message may expand without end',
    file: 'dns/walker.ts',
    line: 'if (this.expanded > MAX_EXPANDED_OCTETS)',
    instead: 'if (this.expanded < 0)',
    tests: 'dns',
  },
  {
    what: 'RDATA may be longer than its fields',
    file: 'dns/rdata.ts',
    line: 'if (cursor.at !== cursor.end) throw',
    instead: 'if (cursor.at > cursor.end) throw',
    tests: 'dns',
  },
  {
    what: 'a zone claims names that only end in the same letters',
    file: 'dns/name.ts',
    line: 'while (rest.length > zone.length) rest = parentOf(rest)',
    instead: 'if (rest.length > zone.length) rest = rest.slice(-zone.length) as Name',
    tests: 'dns',
  },
  {
    what: 'an escaped octet over 255 is taken',
    file: 'dns/name.ts',
    line: 'if (Number(digits) > 255) throw',
    instead: 'if (Number(digits) > 999) throw',
    tests: 'dns',
  },
  {
    what: 'a key of small order is a key, for which anybody can sign',
    file: 'zone/key.ts',
    line: 'if (!bytes || !isCanonical(bytes) || isSmallOrder(bytes)) return undefined',
    instead: 'if (!bytes || !isCanonical(bytes)) return undefined',
    tests: 'zone',
  },
  {
    what: 'the sequence is not what is signed',
    file: 'zone/signed-zone.ts',
    line: 'const signature = signBytes(signedPart(sequence, message), secret)',
    instead: 'const signature = signBytes(signedPart(0n, message), secret)',
    tests: 'zone',
  },
  {
    what: 'of two zones of one sequence the one that came last wins',
    file: 'zone/signed-zone.ts',
    line: 'return Buffer.compare(a.bytes.subarray(MESSAGE_AT), b.bytes.subarray(MESSAGE_AT))',
    instead: 'return 1',
    tests: 'zone',
  },
  {
    what: 'an expired zone is of its time for as long again as zones may be early',
    file: 'zone/signed-zone.ts',
    line: 'if (zone.expires <= now) {',
    instead: 'if (zone.expires + TOLERANCE <= now) {',
    tests: 'zone',
  },
  {
    what: 'a zone may live as long as it says',
    file: 'zone/signed-zone.ts',
    line: 'Math.min(soa.expire, MAX_LIFETIME)',
    instead: 'Math.max(soa.expire, 0)',
    tests: 'zone',
  },
  {
    what: 'a wildcard answers for a name that is there',
    file: 'zone/look-up.ts',
    line: 'if (node) return answerFrom',
    instead: 'if (node && node.length > 0) return answerFrom',
    tests: 'zone',
  },
  {
    what: 'a record outside the zone is served',
    file: 'zone/signed-zone.ts',
    line: 'isUnder(record.name, key.apex) && ',
    instead: '',
    tests: 'zone',
  },
]
