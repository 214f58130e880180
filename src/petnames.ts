/** The petname book of this node: which keys people here call by which names, kept on disk. */
import { join } from 'node:path'
import { JsonFile } from './json-file.ts'
import { formatPetname, PetnameFault, type Petnames, parsePetname, skeletonOf } from './names/petname.ts'
import { type PublicKey, publicKeyFromLabel } from './zone/key.ts'

export interface Petname {
  /** As it stands in names. */
  readonly label: string
  readonly key: PublicKey
}

/** A book that cannot be read, or a name that cannot be put into it. The message is a sentence. */
export class PetnamesFault extends Error {
  override readonly name = 'PetnamesFault'
  readonly reason: 'damaged' | 'full' | 'look-alike'

  constructor(reason: PetnamesFault['reason'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

const FORMAT = 'KadNS petnames 1'
const MAX_PETNAMES = 10_000

export class PetnameBook implements Petnames {
  readonly #file: JsonFile
  #book: ReadonlyMap<string, PublicKey>
  /** Labels of the keys in it. */
  #keys: ReadonlySet<string>
  /** Called whenever a name has come, gone or changed. */
  changed: () => void = () => undefined

  private constructor(file: JsonFile, book: ReadonlyMap<string, PublicKey>) {
    this.#file = file
    this.#book = book
    this.#keys = labelsIn(book)
  }

  /** @throws PetnamesFault `damaged` */
  static async open(dataDirectory: string): Promise<PetnameBook> {
    const file = new JsonFile(join(dataDirectory, 'petnames.json'))
    const text = await file.read()
    return new PetnameBook(file, text === undefined ? new Map() : parse(text, file.path))
  }

  keyOf(label: string): PublicKey | undefined {
    return this.#book.get(label.toLowerCase())
  }

  /** Whether it has a name for this key. */
  names({ label }: PublicKey): boolean {
    return this.#keys.has(label)
  }

  list(): Petname[] {
    return Array.from(this.#book, ([label, key]) => ({ label, key })).sort((a, b) =>
      a.label < b.label ? -1 : 1,
    )
  }

  /** A name that looks like this one and stands for another key. */
  lookAlikeOf(label: string, key: PublicKey): Petname | undefined {
    const skeleton = skeletonOf(label)
    return this.list().find(
      (each) => each.label !== label && each.key.label !== key.label && skeletonOf(each.label) === skeleton,
    )
  }

  /**
   * On disk when this returns.
   * @param anyway though it looks like another
   * @throws PetnamesFault `full` or `look-alike`, PublisherFault `storage`
   */
  async put(name: Petname, anyway = false): Promise<void> {
    await this.#file.change(async () => await this.#put(name, anyway))
  }

  async #put({ label, key }: Petname, anyway: boolean): Promise<void> {
    const other = anyway ? undefined : this.lookAlikeOf(label, key)
    if (other)
      throw new PetnamesFault(
        'look-alike',
        `"${formatPetname(label)}" looks like "${formatPetname(other.label)}", which stands for another key.`,
      )
    if (!this.#book.has(label) && this.#book.size >= MAX_PETNAMES)
      throw new PetnamesFault('full', `The book has ${MAX_PETNAMES} names, which is all it takes.`)
    await this.#write(new Map([...this.#book, [label, key]]))
  }

  /** @returns whether it was there @throws PublisherFault `storage` */
  async remove(label: string): Promise<boolean> {
    return await this.#file.change(async () => {
      const rest = new Map(this.#book)
      if (!rest.delete(label)) return false
      await this.#write(rest)
      return true
    })
  }

  async #write(book: ReadonlyMap<string, PublicKey>): Promise<void> {
    const names = Object.fromEntries(Array.from(book, ([label, key]) => [label, key.label]))
    await this.#file.write({ format: FORMAT, names })
    this.#book = book
    this.#keys = labelsIn(book)
    this.changed()
  }
}

function labelsIn(book: ReadonlyMap<string, PublicKey>): ReadonlySet<string> {
  return new Set(Array.from(book.values(), ({ label }) => label))
}

function parse(text: string, file: string): Map<string, PublicKey> {
  try {
    const { format, names } = JSON.parse(text) as { format: unknown; names: Record<string, string> }
    if (format !== FORMAT) throw new PetnameFault('This is no book of petnames.')
    return new Map(
      Object.entries(names).map(([name, label]): [string, PublicKey] => {
        const key = publicKeyFromLabel(label)
        if (!key) throw new PetnameFault(`"${label}" is no key.`)
        return [parsePetname(name), key]
      }),
    )
  } catch (cause) {
    const sentence = `The petnames in ${file} are damaged: ${(cause as Error).message}`
    throw new PetnamesFault('damaged', sentence, { cause })
  }
}
