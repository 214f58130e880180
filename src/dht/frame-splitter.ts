/** Cuts a stream of octets into frames, and refuses one that is too long before it is buffered. */
import { DhtFault } from './fault.ts'
import { MAX_FRAME_OCTETS } from './frames.ts'

const LENGTH_OCTETS = 2

export class FrameSplitter {
  #pending: Buffer = Buffer.alloc(0);

  /** The frames (without their length) that are complete with this chunk. @throws DhtFault `frame` */
  *push(chunk: Uint8Array): Generator<Buffer> {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, octets]) : octets
    for (let end = this.#end(); end <= this.#pending.length; end = this.#end()) {
      const frame = this.#pending.subarray(LENGTH_OCTETS, end)
      this.#pending = this.#pending.subarray(end)
      yield frame
    }
  }

  /** Where the first frame ends; Infinity while that is not known. */
  #end(): number {
    if (this.#pending.length < LENGTH_OCTETS) return Infinity
    const length = this.#pending.readUInt16BE()
    if (length > MAX_FRAME_OCTETS) {
      throw new DhtFault('frame', `A frame says it has ${length} octets; ${MAX_FRAME_OCTETS} are allowed.`)
    }
    return LENGTH_OCTETS + length
  }
}
