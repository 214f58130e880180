/** IP addresses between text and octets. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { DnsFault } from './fault.ts'

/** @returns 4 octets. @throws DnsFault `bad-text` */
export function parseIPv4(text: string): Buffer {
  if (!isIPv4(text)) throw new DnsFault('bad-text', `"${text}" is no IPv4 address, such as 192.0.2.1.`)
  return Buffer.from(text.split('.').map(Number))
}

/** @returns 16 octets. @throws DnsFault `bad-text` */
export function parseIPv6(text: string): Buffer {
  if (!isIPv6(text) || text.includes('%')) {
    throw new DnsFault('bad-text', `"${text}" is no IPv6 address, such as 2001:db8::1.`)
  }
  const [head = '', tail] = text.split('::')
  const front = groups(head)
  const back = groups(tail ?? '')
  const zeros = Array<number>(16 - front.length - back.length).fill(0)
  return Buffer.from([...front, ...zeros, ...back])
}

// Groups of hexadecimal, the last perhaps an IPv4 address (RFC 4291 2.2), as octets.
function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [...parseIPv4(group)]
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

export function formatIPv4(octets: Uint8Array): string {
  return octets.join('.')
}

/** As RFC 5952 wants it. */
export function formatIPv6(octets: Uint8Array): string {
  const address = Buffer.from(octets)
    .toString('hex')
    .replace(/.{4}(?!$)/g, '$&:')
  return new SocketAddress({ family: 'ipv6', address }).address
}

/** Of either family. @throws DnsFault */
export function parseAddress(text: string): Buffer {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text)
}
