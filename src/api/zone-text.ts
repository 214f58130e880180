/** Zone files over HTTP: `text/dns` (RFC 4027) in and out, beside JSON. */
import type { FastifyInstance } from 'fastify'
import { HttpFault } from './problem.ts'

export const ZONE_FILE = 'text/dns'

/** A body that is a zone file. */
export class ZoneText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

export function acceptZoneFiles(app: FastifyInstance): void {
  app.addContentTypeParser(ZONE_FILE, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, new ZoneText(UTF8.decode(body as Buffer)))
    } catch {
      done(new HttpFault(400, 'The zone file is not UTF-8.'))
    }
  })
}

/** Whether of JSON and a media type the latter is wanted: the one that Accept names; JSON where it names neither (RFC 9110 12.5.1). */
export function prefers(type: string, accept: string | undefined): boolean {
  const weightOf = (wanted: string) => weightIn(accept ?? '', wanted)
  return weightOf(type) > weightOf('application/json')
}

function weightIn(accept: string, wanted: string): number {
  const ranges = accept.split(',').map((range) => range.split(';').map((part) => part.trim().toLowerCase()))
  const named = ranges.find(([name]) => name === wanted)
  if (!named) return 0
  const weight = named.find((part) => part.startsWith('q='))
  return weight === undefined ? 1 : Number(weight.slice(2)) || 0
}
