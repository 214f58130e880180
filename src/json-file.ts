/** A small file of JSON that this node keeps: whole on the disk, and changed by one at a time. */
import { readFile } from 'node:fs/promises'
import { writeDurably } from './publisher/durable.ts'
import { KeyLocks } from './zone/key-locks.ts'

export class JsonFile {
  readonly path: string
  readonly #locks = new KeyLocks()

  constructor(path: string) {
    this.path = path
  }

  /** Its text, not parsed; undefined where there is none yet. */
  async read(): Promise<string | undefined> {
    return await readFile(this.path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined
      throw cause
    })
  }

  /** Runs behind every change begun before: each is made of what the one before it has written. */
  async change<Result>(task: () => Promise<Result>): Promise<Result> {
    return await this.#locks.run(this.path, task)
  }

  /** On disk when this returns. @throws PublisherFault `storage` */
  async write(value: object): Promise<void> {
    await writeDurably(this.path, Buffer.from(`${JSON.stringify(value, null, 2)}\n`))
  }
}
