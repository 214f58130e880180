/** Keys of others whose zones may lead to private addresses, as the owner of this node has said while it ran; kept on disk. */
import { join } from 'node:path'
import { JsonFile } from './json-file.ts'
import { type PublicKey, publicKeyFromLabel } from './zone/key.ts'

/** A list that cannot be read, or is full. The message is a sentence. */
export class AllowedKeysFault extends Error {
  override readonly name = 'AllowedKeysFault'
}

const FORMAT = 'KadNS allowed keys 1'
const MAX_KEYS = 10_000

export class AllowedKeys {
  readonly #file: JsonFile
  #labels: ReadonlySet<string>
  /** Called whenever a key has come or gone. */
  changed: () => void = () => undefined

  private constructor(file: JsonFile, labels: ReadonlySet<string>) {
    this.#file = file
    this.#labels = labels
  }

  /** @throws AllowedKeysFault */
  static async open(dataDirectory: string): Promise<AllowedKeys> {
    const file = new JsonFile(join(dataDirectory, 'allowed-keys.json'))
    const text = await file.read()
    return new AllowedKeys(file, text === undefined ? new Set() : parse(text, file.path))
  }

  has({ label }: PublicKey): boolean {
    return this.#labels.has(label)
  }

  list(): string[] {
    return [...this.#labels].sort()
  }

  /** On disk when this returns. @throws AllowedKeysFault, PublisherFault `storage` */
  async add({ label }: PublicKey): Promise<void> {
    await this.#file.change(async () => {
      if (this.#labels.size >= MAX_KEYS && !this.#labels.has(label))
        throw new AllowedKeysFault(`The list has ${MAX_KEYS} keys, which is all it takes.`)
      await this.#write(new Set([...this.#labels, label]))
    })
  }

  /** @returns whether it was there @throws PublisherFault `storage` */
  async remove({ label }: PublicKey): Promise<boolean> {
    return await this.#file.change(async () => {
      const rest = new Set(this.#labels)
      if (!rest.delete(label)) return false
      await this.#write(rest)
      return true
    })
  }

  async #write(labels: ReadonlySet<string>): Promise<void> {
    await this.#file.write({ format: FORMAT, keys: [...labels].sort() })
    this.#labels = labels
    this.changed()
  }
}

function parse(text: string, file: string): Set<string> {
  try {
    const { format, keys } = JSON.parse(text) as { format: unknown; keys: readonly string[] }
    if (format !== FORMAT) throw new Error('this is no list of keys')
    for (const label of keys) if (!publicKeyFromLabel(label)) throw new Error(`"${label}" is no key`)
    return new Set(keys)
  } catch (cause) {
    throw new AllowedKeysFault(`The keys in ${file} are damaged: ${(cause as Error).message}.`, { cause })
  }
}
