/** A secret key as text: 64 hexadecimal digits, or JSON where it is sealed, or a backup that has its zone and revocation too. */
import type { PublicKey } from '../zone/key.ts'
import { publicKeyOf, SECRET_OCTETS } from '../zone/signature.ts'
import { type SignedZone, signRevocation, verifyZone } from '../zone/signed-zone.ts'
import { PublisherFault } from './fault.ts'
import type { Passphrase, Sealed } from './sealing.ts'

export interface OwnKey {
  readonly key: PublicKey
  /** 32 octets. */
  readonly secret: Uint8Array
}

/** All that its owner has of a key. */
export interface Backup extends OwnKey {
  /** What it signed last, where it has. */
  readonly zone: SignedZone | undefined
}

/** Octets of the longest text read as a key. */
export const MAX_KEY_TEXT = 8192
const SECRET_TEXT = /^[0-9a-f]{64}\r?\n?$/
const HEX = /^(?:[0-9a-f]{2}){1,64}$/
const FORMAT = 'KadNS key 1'
const ABOUT =
  'Whoever has the secret owns the name. The revocation ends it for good: kadns key revoke. Bring both back with kadns key restore.'

/** As it is kept: plain, or sealed where there is a passphrase. */
export async function formatKey({ key, secret }: OwnKey, passphrase?: Passphrase): Promise<string> {
  if (!passphrase) return `${Buffer.from(secret).toString('hex')}\n`
  const sealed = await passphrase.seal(secret, key.label)
  return `${JSON.stringify({ format: FORMAT, key: key.label, sealed })}\n`
}

/**
 * The same with the zone it signed last and its revocation, which stays readable when the secret is sealed: whoever has
 * forgotten the passphrase can still end the name.
 */
export async function formatBackup({ key, secret, zone }: Backup, passphrase?: Passphrase): Promise<string> {
  const held = passphrase
    ? { sealed: await passphrase.seal(secret, key.label) }
    : { secret: Buffer.from(secret).toString('hex') }
  const revocation = encode(signRevocation(secret))
  const backup = {
    format: FORMAT,
    about: ABOUT,
    key: key.label,
    ...held,
    revocation,
    ...(zone && { zone: encode(zone) }),
  }
  return `${JSON.stringify(backup, null, 2)}\n`
}

/** @throws PublisherFault `damaged`; the sentence begins with `what` */
export async function parseKey(text: string, what: string, passphrase?: Passphrase): Promise<Backup> {
  if (SECRET_TEXT.test(text)) return { ...ownKey(text.trim()), zone: undefined }
  const document = documentIn(text)
  if (!document)
    throw new PublisherFault(
      'damaged',
      `${what} is damaged: it holds no 64 hexadecimal digits, and is no backup.`,
    )
  const own = ownKey(await secretIn(document, what, passphrase))
  if (own.key.label !== document['key'])
    throw new PublisherFault('damaged', `${what} is damaged: its secret is of another key, ${own.key.label}.`)
  return { ...own, zone: zoneIn(document['zone'], own.key, what) }
}

/** The revocation of a backup, for which no passphrase is needed. @throws PublisherFault `damaged` */
export function parseRevocation(text: string, what: string): SignedZone {
  const zone = zoneIn(documentIn(text)?.['revocation'], undefined, what)
  if (!zone?.revoked) throw new PublisherFault('damaged', `${what} holds no revocation.`)
  return zone
}

type Document = Readonly<Record<string, unknown>>

function documentIn(text: string): Document | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isOne = typeof value === 'object' && value !== null && 'format' in value && value.format === FORMAT
    return isOne ? (value as unknown as Document) : undefined
  } catch {
    return undefined
  }
}

async function secretIn(
  { secret, sealed, key }: Document,
  what: string,
  passphrase?: Passphrase,
): Promise<string> {
  if (typeof secret === 'string' && SECRET_TEXT.test(secret)) return secret
  if (!isSealed(sealed)) throw new PublisherFault('damaged', `${what} is damaged: it holds no secret.`)
  if (!passphrase)
    throw new PublisherFault(
      'damaged',
      `${what} is sealed: it takes its passphrase (--passphrase-file, or names.passphrase_file for keys of a node).`,
    )
  return (await passphrase.open(sealed, String(key))).toString('hex')
}

function isSealed(value: unknown): value is Sealed {
  if (typeof value !== 'object' || value === null) return false
  const { salt, nonce, box } = value as Record<string, unknown>
  return [salt, nonce, box].every((part) => typeof part === 'string' && HEX.test(part))
}

function ownKey(hex: string): OwnKey {
  const secret = Buffer.from(hex, 'hex').subarray(0, SECRET_OCTETS)
  return { key: publicKeyOf(secret), secret }
}

function zoneIn(text: unknown, key: PublicKey | undefined, what: string): SignedZone | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return verifyZone(Buffer.from(text, 'base64'), key)
  } catch (cause) {
    throw new PublisherFault('damaged', `${what} is damaged: ${(cause as Error).message}`, { cause })
  }
}

function encode({ bytes }: SignedZone): string {
  return Buffer.from(bytes).toString('base64')
}
