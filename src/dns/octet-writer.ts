/** A growing buffer with the interface dns2's encoders write to, octets in place of its array of bits. */

const INITIAL_OCTETS = 512

export class OctetWriter {
  /** Where each name already written stands; dns2's and our name encoder look here for something to point to. */
  readonly names = new Map<string, number>()
  #bytes = Buffer.alloc(INITIAL_OCTETS)
  #length = 0
  #pending = 0
  #pendingBits = 0

  /** Writes the low `size` bits of `value`; whole octets unless in the middle of the header's flags. */
  write(value: number, size: number): void {
    if (this.#pendingBits === 0 && size % 8 === 0) {
      for (let shift = size - 8; shift >= 0; shift -= 8) this.#push((value >>> shift) & 0xff)
      return
    }
    for (let bit = size - 1; bit >= 0; bit--) this.#pushBit((value >>> bit) & 1)
  }

  writeOctets(octets: Uint8Array): void {
    this.#reserve(octets.length)
    this.#bytes.set(octets, this.#length)
    this.#length += octets.length
  }

  /** Appends what another writer holds: dns2 writes each EDNS option to one of its own first. */
  writeBuffer(other: OctetWriter): void {
    this.writeOctets(other.toBuffer())
  }

  bitLength(): number {
    return this.#length * 8 + this.#pendingBits
  }

  byteLength(): number {
    return this.#length
  }

  /** Overwrites a whole 16-bit field at an octet border: dns2 fills in RDLENGTH this way. */
  patch(bitOffset: number, value: number, size: number): void {
    this.#bytes.writeUIntBE(value, bitOffset / 8, size / 8)
  }

  /** What has been written, without a copy: valid until the next write. */
  toBuffer(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #push(octet: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = octet
  }

  #pushBit(bit: number): void {
    this.#pending = (this.#pending << 1) | bit
    if (++this.#pendingBits < 8) return
    this.#push(this.#pending)
    this.#pending = 0
    this.#pendingBits = 0
  }

  #reserve(octets: number): void {
    if (this.#length + octets <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + octets))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}
