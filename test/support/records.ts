import { parseType, RecordClass, type ResourceRecord } from '../../src/dns/message.ts'
import { type Name, parseName, ROOT } from '../../src/dns/name.ts'
import { parseRdataTokens } from '../../src/dns/rdata-text.ts'
import { scanEntries } from '../../src/dns/text.ts'

/**
 * Records from lines of `name ttl class type value`. Nothing is judged: broken zones are made of these too.
 * @param origin what names without a final dot stand under
 */
export function recordsFrom(text: string, origin: Name = ROOT): ResourceRecord[] {
  return scanEntries(text).map(({ line, tokens }) => {
    const [owner, ttl, dnsClass, word, ...value] = tokens
    const type = parseType(word?.text ?? '')
    if (type === undefined) throw new Error(`Line ${line} is not "name ttl class type value".`)
    return {
      name: parseName(owner?.text ?? '', origin),
      type,
      class: RecordClass[dnsClass?.text as keyof typeof RecordClass],
      ttl: Number(ttl?.text),
      data: parseRdataTokens(type, value, origin),
    }
  })
}

/** The one record of one line. */
export function recordFrom(text: string, origin: Name = ROOT): ResourceRecord {
  const [record, ...more] = recordsFrom(text, origin)
  if (!record || more.length > 0) throw new Error('There has to be one record.')
  return record
}
