/** Messages on a stream: two octets of length before each (RFC 1035 4.2.2). */

const LENGTH_OCTETS = 2

export function withLength(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH_OCTETS + message.length)
  framed.writeUInt16BE(message.length)
  framed.set(message, LENGTH_OCTETS)
  return framed
}

/** Puts messages together out of whatever pieces a stream delivers; holds at most one message and one piece. */
export class MessageSplitter {
  #rest = Buffer.alloc(0)

  /** The messages that are complete with this piece. */
  push(piece: Buffer): Buffer[] {
    let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece
    const messages: Buffer[] = []
    while (rest.length >= LENGTH_OCTETS) {
      const end = LENGTH_OCTETS + rest.readUInt16BE()
      if (rest.length < end) break
      messages.push(rest.subarray(LENGTH_OCTETS, end))
      rest = rest.subarray(end)
    }
    this.#rest = Buffer.from(rest)
    return messages
  }

  /** Whether a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#rest.length > 0
  }
}
