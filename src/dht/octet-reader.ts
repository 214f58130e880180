/** Reads numbers and octets of known length from a frame; whatever is short or left over is a fault. */
import { DhtFault } from './fault.ts'

export class OctetReader {
  readonly #octets: Buffer
  #at = 0

  constructor(octets: Uint8Array) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
  }

  u8(): number {
    return this.take(1)[0]!
  }

  u16(): number {
    return this.take(2).readUInt16BE()
  }

  u32(): number {
    return this.take(4).readUInt32BE()
  }

  u64(): bigint {
    return this.take(8).readBigUInt64BE()
  }

  /** The next octets, not copied. */
  take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#octets.length) throw new DhtFault('frame', 'A frame ends before its content does.')
    const octets = this.#octets.subarray(this.#at, end)
    this.#at = end
    return octets
  }

  rest(): Buffer {
    return this.take(this.#octets.length - this.#at)
  }

  end(): void {
    if (this.#at < this.#octets.length) throw new DhtFault('frame', 'A frame has octets behind its content.')
  }
}
