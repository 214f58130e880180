/** A certificate that nobody but its owner vouches for (RFC 5280), to try DNS over TLS and HTTPS with before there is another. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** What it is for. */
export interface CertificateSubject {
  /** Host names, in letters, digits, hyphens and dots. The first stands in its subject too. */
  readonly names: readonly string[]
  /** 4 or 16 octets each. */
  readonly addresses: readonly Uint8Array[]
  /** Milliseconds since the Unix epoch. */
  readonly from: number
  readonly until: number
}

/** As PEM. */
export interface SelfSigned {
  readonly certificate: string
  readonly privateKey: string
}

/** Of ASN.1 (X.690 8.1.2), as far as a certificate takes them. */
const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  identifier: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const

/** Object identifiers, encoded: RFC 5758 3.2, RFC 5280 4.1.2.4, 4.2.1.6, 4.2.1.9, 4.2.1.12. */
const Identifier = {
  ecdsaWithSha256: Buffer.from('2a8648ce3d040302', 'hex'),
  commonName: Buffer.from('550403', 'hex'),
  subjectAltName: Buffer.from('551d11', 'hex'),
  basicConstraints: Buffer.from('551d13', 'hex'),
  extendedKeyUsage: Buffer.from('551d25', 'hex'),
  serverAuth: Buffer.from('2b06010505070301', 'hex'),
} as const

const SERIAL_OCTETS = 16
/** RFC 5280 4.1.2.5: from this year on a time is written with four digits of it. */
const FIRST_GENERALIZED_YEAR = 2050
const TRUE = Buffer.of(0xff)

export function makeSelfSigned(subject: CertificateSubject): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const toSign = contentOf(subject, publicKey)
  const signature = sign('sha256', toSign, privateKey)
  const whole = sequence(toSign, algorithm(), der(Tag.bitString, Buffer.of(0), signature))
  return {
    certificate: pem('CERTIFICATE', whole),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** What a client may hold on to in place of an authority's word: SHA-256 of its public key (RFC 7858 4.2), in base64. */
export function pinOf(publicKey: KeyObject): string {
  const octets = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(octets).digest('base64')
}

// RFC 5280 4.1: TBSCertificate.
function contentOf({ names, addresses, from, until }: CertificateSubject, publicKey: KeyObject): Buffer {
  const name = sequence(
    der(Tag.set, sequence(identifier('commonName'), der(Tag.utf8, Buffer.from(names[0] ?? 'kadns')))),
  )
  const serial = randomBytes(SERIAL_OCTETS)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // positive, and of full length
  return sequence(
    der(Tag.version, der(Tag.integer, Buffer.of(2))),
    der(Tag.integer, serial),
    algorithm(),
    name,
    sequence(time(from), time(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(Tag.extensions, sequence(...extensions(names, addresses))),
  )
}

function extensions(names: readonly string[], addresses: readonly Uint8Array[]): Buffer[] {
  const alternatives = [
    ...names.map((name) => der(Tag.dnsName, Buffer.from(name, 'latin1'))),
    ...addresses.map((address) => der(Tag.ipAddress, address)),
  ]
  return [
    // Of itself alone: no other certificate can be made with it.
    sequence(identifier('basicConstraints'), der(Tag.boolean, TRUE), der(Tag.octetString, sequence())),
    sequence(identifier('extendedKeyUsage'), der(Tag.octetString, sequence(identifier('serverAuth')))),
    sequence(identifier('subjectAltName'), der(Tag.octetString, sequence(...alternatives))),
  ]
}

function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
  const isLate = new Date(at).getUTCFullYear() >= FIRST_GENERALIZED_YEAR
  return isLate
    ? der(Tag.generalizedTime, Buffer.from(digits))
    : der(Tag.utcTime, Buffer.from(digits.slice(2)))
}

function algorithm(): Buffer {
  return sequence(identifier('ecdsaWithSha256'))
}

function identifier(name: keyof typeof Identifier): Buffer {
  return der(Tag.identifier, Identifier[name])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(Tag.sequence, ...parts)
}

// X.690 8.1.3, 10.1: the shortest form of the length.
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content])
  const length = Buffer.from(content.length.toString(16).padStart(4, '0').replace(/^00/, ''), 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, content])
}

function pem(label: string, octets: Buffer): string {
  const lines = octets.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
