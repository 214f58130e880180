/**
 * `/nic/update` as home routers and ddclient speak it (dyndns2, as its makers once described it): addresses of names kept current.
 * It says its words in text/plain, one line for each name, and writes with GET because they do.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { formatIPv4, formatIPv6, parseAddress } from '../dns/address.ts'
import { DnsFault } from '../dns/fault.ts'
import { labelsOf, type Name, parseName } from '../dns/name.ts'
import { whoseName } from '../names/whose.ts'
import { type Addresses, addressesOf, writeAddresses } from '../publisher/addresses.ts'
import { isInward } from '../resolver/inward-addresses.ts'
import { allows } from './admission.ts'
import { HttpFault } from './problem.ts'
import { Refusals, TOKEN_NEEDED } from './schemas.ts'
import type { ApiDeps } from './server.ts'

const DynDnsQuery = Type.Object({
  hostname: Type.Optional(
    Type.String({
      maxLength: 8000,
      description: 'Names, with commas between them.',
      examples: ['home.<key>.kad.alt'],
    }),
  ),
  myip: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: "Addresses, likewise; none: the caller's own, where that is public.",
    }),
  ),
  myipv6: Type.Optional(Type.String({ maxLength: 1000 })),
})

const UPDATE = {
  summary: 'Keep addresses current, as home routers and ddclient do it (dyndns2); the password is a token',
  description:
    'Answers in text/plain, a line for each name: good or nochg with the addresses, nohost, notfqdn, numhost, badauth, 911.',
  security: TOKEN_NEEDED,
  querystring: DynDnsQuery,
  produces: ['text/plain'],
  response: Refusals,
}
const MAX_HOSTS = 20
const MAX_ADDRESSES = 8

type Asked = { Querystring: { hostname?: string; myip?: string; myipv6?: string } }

export function dyndnsRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const options = { schema: UPDATE, config: { needs: 'set' }, errorHandler: inItsWords } as const
  app.get<Asked>('/nic/update', options, async (request, reply) => {
    reply.type('text/plain; charset=utf-8').serializer(String)
    return reply.send(await answerTo(request, deps))
  })
}

/** Of refusals, the one its callers know. */
function inItsWords(fault: unknown, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!(fault instanceof HttpFault) || fault.status !== 401) throw fault
  reply.header('www-authenticate', 'Basic realm="KadNS"').type('text/plain; charset=utf-8')
  return reply.code(401).serializer(String).send('badauth\n')
}

async function answerTo(request: FastifyRequest<Asked>, deps: ApiDeps): Promise<string> {
  const { hostname = '', myip, myipv6 } = request.query
  const hosts = hostname.split(',').filter((host) => host !== '')
  if (hosts.length === 0) return 'notfqdn\n'
  if (hosts.length > MAX_HOSTS) return 'numhost\n'
  const given = [myip, myipv6].flatMap((text) => text?.split(',') ?? []).filter((text) => text !== '')
  const addresses = addressesFrom(given.length > 0 ? given : [request.ip], given.length > 0)
  if (!addresses) return '911 there is no public address to take\n'
  const lines: string[] = []
  // One after the other: two of one zone are two changes of it, each on top of the one before.
  for (const host of hosts) lines.push(await update(host, addresses, { request, deps }))
  return `${lines.join('\n')}\n`
}

/** Undefined where one is no address, or the caller's own is one of a home. */
function addressesFrom(texts: readonly string[], areGiven: boolean): Addresses | undefined {
  const octets = texts
    .slice(0, MAX_ADDRESSES)
    .map((text) => octetsOf(text.trim().replace(/^::ffff:(?=[\d.]+$)/i, '')))
  if (octets.some((each) => each === undefined || (!areGiven && isInward(each)))) return undefined
  return addressesOf(octets as Uint8Array[])
}

function octetsOf(text: string): Uint8Array | undefined {
  try {
    return parseAddress(text)
  } catch (fault) {
    if (fault instanceof DnsFault) return undefined
    throw fault
  }
}

interface Exchange {
  readonly request: FastifyRequest
  readonly deps: Pick<ApiDeps, 'publisher' | 'petnames' | 'suffix'>
}

async function update(host: string, addresses: Addresses, { request, deps }: Exchange): Promise<string> {
  const name = nameFrom(host)
  if (!name) return 'notfqdn'
  const whose = whoseName(name, deps.suffix, deps.petnames)
  if (whose.kind !== 'zone' || !deps.publisher.get(whose.key)) return 'nohost'
  const { key, inZone } = whose
  // To who may not write it, it is not there.
  if (!allows(request, { key, name: inZone, types: [...addresses.keys()] })) return 'nohost'
  const told = [...addresses.values()].flat().map(formatAddress).join(',')
  try {
    const isChanged = await writeAddresses(deps.publisher, key, { name: inZone, addresses })
    return `${isChanged ? 'good' : 'nochg'} ${told}`
  } catch {
    return '911'
  }
}

function nameFrom(host: string): Name | undefined {
  try {
    const name = parseName(host.trim())
    return labelsOf(name).length > 1 ? name : undefined
  } catch {
    return undefined
  }
}

function formatAddress(octets: Uint8Array): string {
  return octets.length === 4 ? formatIPv4(octets) : formatIPv6(octets)
}
