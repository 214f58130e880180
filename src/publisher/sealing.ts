/** A secret key under a passphrase: scrypt (RFC 7914) makes a key of it, AES-256-GCM seals. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { PublisherFault } from './fault.ts'

export interface Sealed {
  /** Hexadecimal, as the two below. */
  readonly salt: string
  readonly nonce: string
  /** Ciphertext, then 16 octets of tag. */
  readonly box: string
}

/** RFC 7914 2. It takes 128 MB and a third of a second, here as where somebody guesses. */
const COST = { N: 1 << 17, r: 8, p: 1, maxmem: 256 << 20 }
const KEY_OCTETS = 32
const SALT_OCTETS = 16
const NONCE_OCTETS = 12
const TAG_OCTETS = 16
/** Characters of the longest passphrase. */
const MAX_PASSPHRASE = 1024

/** One passphrase; what scrypt makes of it is kept for each salt, and new keys take the salt of those before. */
export class Passphrase {
  readonly #text: string
  readonly #keys = new Map<string, Promise<Buffer>>()

  /** @param text as it stands in a file: an end of line behind it is none of it. @throws PublisherFault `damaged` for an empty one */
  constructor(text: string) {
    this.#text = text.replace(/\r?\n$/, '').normalize('NFC')
    if (this.#text === '' || this.#text.length > MAX_PASSPHRASE)
      throw new PublisherFault('damaged', `A passphrase has 1 to ${MAX_PASSPHRASE} characters.`)
  }

  /** @param label whose secret this is: no other key's seal can be put in its place */
  async seal(secret: Uint8Array, label: string): Promise<Sealed> {
    const [known] = this.#keys.keys()
    const salt = known ?? randomBytes(SALT_OCTETS).toString('hex')
    const nonce = randomBytes(NONCE_OCTETS)
    const cipher = createCipheriv('aes-256-gcm', await this.#keyFor(salt), nonce)
    cipher.setAAD(Buffer.from(label))
    const box = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    return { salt, nonce: nonce.toString('hex'), box: box.toString('hex') }
  }

  /** @throws PublisherFault `damaged` when it is another passphrase, or the box is not whole */
  async open({ salt, nonce, box }: Sealed, label: string): Promise<Buffer> {
    const key = await this.#keyFor(salt)
    try {
      const octets = Buffer.from(box, 'hex')
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'hex'), {
        authTagLength: TAG_OCTETS,
      })
      decipher.setAAD(Buffer.from(label))
      decipher.setAuthTag(octets.subarray(-TAG_OCTETS))
      return Buffer.concat([decipher.update(octets.subarray(0, -TAG_OCTETS)), decipher.final()])
    } catch (cause) {
      const sentence = `The key ${label} cannot be opened: this is not its passphrase, or its file is damaged.`
      throw new PublisherFault('damaged', sentence, { cause })
    }
  }

  #keyFor(salt: string): Promise<Buffer> {
    const known = this.#keys.get(salt)
    if (known) return known
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    scrypt(this.#text, Buffer.from(salt, 'hex'), KEY_OCTETS, COST, (fault, key) =>
      fault ? reject(fault) : resolve(key),
    )
    this.#keys.set(salt, promise)
    return promise
  }
}
