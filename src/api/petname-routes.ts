/** Petnames over HTTP: given, listed and taken back; the book as a zone file, which is how books are shared. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { formatName, type Name } from '../dns/name.ts'
import { formatPetname, PetnameFault, parsePetname } from '../names/petname.ts'
import { type PublicKey, publicKeyFromLabel } from '../zone/key.ts'
import { HttpFault } from './problem.ts'
import { Refusals, TOKEN_NEEDED } from './schemas.ts'
import type { ApiDeps } from './server.ts'
import { prefers, ZONE_FILE } from './zone-text.ts'

const PetnameParams = Type.Object({
  name: Type.String({ maxLength: 255, description: 'One label; other scripts too.' }),
})
const Given = Type.Object(
  {
    key: Type.String({ description: 'A key, or a name that is one: <key>.kad.alt.', maxLength: 300 }),
    anyway: Type.Optional(
      Type.Boolean({ description: 'Though it looks like another petname.', default: false }),
    ),
  },
  { additionalProperties: false },
)
const Told = Type.Object({
  name: Type.String({ description: 'As people read it.' }),
  label: Type.String({ description: 'As it stands in names.' }),
  key: Type.String(),
  domain: Type.String({ examples: ['alice.kad.alt'] }),
})

const LIST = {
  summary: 'The petname book; with Accept: text/dns as a zone file, which others can follow or import',
  produces: ['application/json', ZONE_FILE],
  response: { 200: Type.Object({ petnames: Type.Array(Told) }), ...Refusals },
}
const SHOW = {
  summary: 'Which key a petname stands for',
  params: PetnameParams,
  response: { 200: Told, ...Refusals },
}
const PUT = {
  summary: 'Call a key by a name of your own; 409 where that looks like another',
  security: TOKEN_NEEDED,
  params: PetnameParams,
  body: Given,
  response: { 200: Told, ...Refusals },
}
const DELETE = {
  summary: 'Take a petname back',
  security: TOKEN_NEEDED,
  params: PetnameParams,
  response: { 204: Type.Null(), ...Refusals },
}
/** Seconds, of a book that others follow. */
const BOOK_TTL = 3600

type WithName = { Params: { name: string } }

export function petnameRoutes(app: FastifyInstance, { petnames, suffix }: ApiDeps): void {
  const told = (label: string, key: PublicKey) => ({
    name: formatPetname(label),
    label,
    key: key.label,
    domain: `${label}.${formatName(suffix).slice(0, -1)}`,
  })

  app.get('/v1/petnames', { schema: LIST }, async ({ headers }, reply) => {
    const names = petnames.list()
    reply.header('vary', 'Accept')
    if (!prefers(ZONE_FILE, headers.accept))
      return { petnames: names.map(({ label, key }) => told(label, key)) }
    const lines = names.map(({ label, key }) => `${label}\t${BOOK_TTL}\tIN\tNS\t${key.label}.\n`)
    return reply.type(`${ZONE_FILE}; charset=utf-8`).serializer(String).send(lines.join(''))
  })

  app.get<WithName>('/v1/petnames/:name', { schema: SHOW }, async ({ params }) => {
    const label = labelFrom(params.name)
    const key = petnames.keyOf(label)
    if (!key) throw unknown(params.name)
    return told(label, key)
  })

  app.put<WithName & { Body: { key: string; anyway?: boolean } }>(
    '/v1/petnames/:name',
    { schema: PUT },
    async ({ params, body }) => {
      const label = labelFrom(params.name)
      const key = keyIn(body.key, suffix)
      await petnames.put({ label, key }, body.anyway)
      return told(label, key)
    },
  )

  app.delete<WithName>('/v1/petnames/:name', { schema: DELETE }, async ({ params }, reply) => {
    if (!(await petnames.remove(labelFrom(params.name)))) throw unknown(params.name)
    return reply.code(204).send()
  })
}

function unknown(name: string): HttpFault {
  return new HttpFault(404, `The book has no petname "${name}".`)
}

function labelFrom(text: string): string {
  try {
    return parsePetname(text)
  } catch (fault) {
    if (fault instanceof PetnameFault) throw new HttpFault(422, fault.message)
    throw fault
  }
}

function keyIn(text: string, suffix: Name): PublicKey {
  const bare = text.toLowerCase().replace(/\.$/, '')
  const tail = `.${formatName(suffix).slice(0, -1)}`
  const key = publicKeyFromLabel(bare.endsWith(tail) ? bare.slice(0, -tail.length) : bare)
  if (!key) throw new HttpFault(422, `"${text}" is no key: a key has 52 characters of z-base-32.`)
  return key
}
