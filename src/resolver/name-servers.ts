/** Name servers of the ordinary DNS that a signed zone hands a name over to (protocol 3): asked without recursion, and believed below the cut alone. */
import type { LRUCache } from 'lru-cache'
import { boundedCache } from '../cache.ts'
import { type Clock, timeLimit } from '../clock.ts'
import { formatIPv4, formatIPv6 } from '../dns/address.ts'
import { ExtendedError, type Message, Rcode, RecordType, type ResourceRecord } from '../dns/message.ts'
import { isUnder, type Name, sameName } from '../dns/name.ts'
import { decodeRdata } from '../dns/rdata.ts'
import { whoseName } from '../names/whose.ts'
import { Buckets } from '../rate.ts'
import { lookUp } from '../zone/look-up.ts'
import type { SignedZone } from '../zone/signed-zone.ts'
import { ResolveFault } from './fault.ts'
import { isInward } from './inward-addresses.ts'
import type { Answer, Query, Resolve } from './query.ts'
import { type ScrubLimits, scrub } from './scrub.ts'
import { asAsked, type Place } from './zone-place.ts'

export interface NameServersDeps {
  readonly clock: Clock
  readonly suffix: Name
  readonly limits: ScrubLimits
  /** A reply of the name server at this address to this question, asked without recursion. */
  askNameServer(address: string, query: Query, signal: AbortSignal): Promise<Message>
}

/** A name at or below a cut, and who is said to answer for it. */
export interface Below extends Place {
  /** As the zone spells it. */
  readonly cut: Name
  readonly zone: SignedZone
  readonly hosts: readonly Name[]
}

export interface NameServers {
  /** @param ttl seconds that nothing of the answer outlasts. @throws ResolveFault when none of them answers */
  ask(below: Below, query: Query, ttl: number): Promise<Answer>
}

/** Protocol 3. */
const MAX_ADDRESSES_PER_HOST = 2
const MAX_QUERIES = 8
const MAX_REFERRALS = 2
/** Milliseconds one of them may take: a client waits two seconds for all. */
const PATIENCE = 700
/** Questions one key's zone may have us send to others: it names their addresses, whoever has them. */
const RATE = { perSecond: 20, burst: 60 }
/** Milliseconds an address is left alone that did not answer. */
const REST = 30_000
const MAX_RESTING = 1000
const ADDRESS_TYPES = [RecordType.A, RecordType.AAAA]

export function openNameServers(deps: NameServersDeps, ordinary: Resolve): NameServers {
  const rate = new Buckets(RATE, deps.clock)
  const resting: LRUCache<string, number> = boundedCache(MAX_RESTING)
  return {
    ask: async (below, query, ttl) => {
      const asking = new Asking({ ...deps, rate, resting, ordinary }, below, query)
      const answer = await asking.run()
      const dress = (record: ResourceRecord) => asAsked(record, below, Math.min(record.ttl, ttl))
      return { ...answer, records: answer.records.map(dress), authority: answer.authority.map(dress) }
    },
  }
}

interface AskingNeeds extends NameServersDeps {
  readonly rate: Buckets
  /** Until when, by the monotonic clock. */
  readonly resting: LRUCache<string, number>
  readonly ordinary: Resolve
}

/** Those of one cut, each as found when its turn comes. */
interface Servers {
  readonly cut: Name
  readonly hosts: readonly Name[]
  /** Addresses that came with the names: of the zone, or of the referral. */
  readonly glue: (host: Name) => readonly string[]
}

class Asking {
  readonly #needs: AskingNeeds
  readonly #below: Below
  readonly #query: Query
  #queriesLeft = MAX_QUERIES
  #referralsLeft = MAX_REFERRALS

  constructor(needs: AskingNeeds, below: Below, query: Query) {
    this.#needs = needs
    this.#below = below
    const { type } = query.question
    this.#query = {
      ...query,
      question: { ...query.question, name: below.inZone, type },
      recursionDesired: false,
    }
  }

  async run(): Promise<Answer> {
    const { cut, hosts, zone } = this.#below
    const glue = (host: Name) => (isUnder(host, zone.key.apex) ? addressesInZone(zone, host) : [])
    let servers: Servers | undefined = { cut, hosts, glue }
    while (servers) {
      const outcome: Answer | Servers | undefined = await this.#askOne(servers)
      if (outcome && 'rcode' in outcome) return outcome
      servers = outcome
    }
    throw new ResolveFault(
      ExtendedError.NoReachableAuthority,
      'none of the name servers that this name is handed over to gave an answer',
    )
  }

  /** The first that has something to say: an answer, or others that know more. */
  async #askOne(servers: Servers): Promise<Answer | Servers | undefined> {
    for (const host of servers.hosts) {
      for (const address of await this.#addressesOf(host, servers)) {
        const reply = await this.#exchange(address)
        const outcome = reply && this.#read(reply, servers)
        if (outcome) return outcome
      }
    }
    return undefined
  }

  async #addressesOf(host: Name, { glue }: Servers): Promise<string[]> {
    const known = glue(host)
    const all = known.length > 0 ? known : await this.#resolved(host)
    return all.slice(0, MAX_ADDRESSES_PER_HOST)
  }

  /** Of a host of the ordinary DNS; one in another key's zone is not looked for. */
  async #resolved(host: Name): Promise<string[]> {
    if (whoseName(host, this.#needs.suffix).kind !== 'ordinary') return []
    const answers = ADDRESS_TYPES.map(async (type) => {
      const question = { ...this.#query.question, name: host, type }
      const { records } = await this.#needs.ordinary({ ...this.#query, question, recursionDesired: true })
      return records.flatMap((record) => globalAddress(record) ?? [])
    })
    const settled = await Promise.allSettled(answers)
    return settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  }

  /** Undefined where it may not be asked, or does not answer. */
  async #exchange(address: string): Promise<Message | undefined> {
    const { clock, resting, rate, askNameServer } = this.#needs
    const rests = (resting.get(address) ?? 0) > clock.monotonic()
    if (rests || this.#queriesLeft === 0 || !rate.take(this.#below.key.label)) return undefined
    this.#queriesLeft--
    const { signal } = this.#query
    using limit = timeLimit(clock, PATIENCE, signal)
    try {
      return await askNameServer(address, this.#query, limit.signal)
    } catch {
      if (!signal.aborted) resting.set(address, clock.monotonic() + REST)
      return undefined
    }
  }

  #read(reply: Message, { cut }: Servers): Answer | Servers | undefined {
    if (reply.rcode !== Rcode.NoError && reply.rcode !== Rcode.NxDomain) return undefined
    const own = (records: readonly ResourceRecord[]) => records.filter(({ name }) => isUnder(name, cut))
    const believed = { ...reply, answers: own(reply.answers), authority: own(reply.authority) }
    const further = this.#referral(believed, cut)
    if (further) return further
    const isSaid =
      believed.answers.length > 0 || believed.authority.some(({ type }) => type === RecordType.SOA)
    if (!isSaid && !reply.flags.authoritative) return undefined // lame: it knows nothing of this name
    const isOrdinary = (name: Name) => isUnder(name, cut)
    return scrub(believed, this.#query, { ...this.#needs.limits, isOrdinary, mayRedirect: isOrdinary })
  }

  /** To servers of a part of what these answer for, in which the name lies. */
  #referral({ answers, authority, additional }: Message, cut: Name): Servers | undefined {
    const { name } = this.#query.question
    const isLower = (owner: Name) => isUnder(owner, cut) && !sameName(owner, cut) && isUnder(name, owner)
    const cuts = authority.filter((record) => record.type === RecordType.NS && isLower(record.name))
    const [first] = cuts
    if (answers.length > 0 || !first || this.#referralsLeft === 0) return undefined
    this.#referralsLeft--
    const same = cuts.filter((record) => sameName(record.name, first.name))
    const hosts = same.map(({ data }) => decodeRdata(RecordType.NS, data)[0] as Name)
    const glue = (host: Name) =>
      additional.flatMap((record) =>
        sameName(record.name, host) && isUnder(host, cut) ? (globalAddress(record) ?? []) : [],
      )
    return { cut: first.name, hosts, glue }
  }
}

/** Also of hosts below the cut, where nobody but the servers themselves could be asked for them. */
function addressesInZone(zone: SignedZone, host: Name): string[] {
  const isOfHost = ({ name }: ResourceRecord) => sameName(name, host)
  const glue = zone.records.filter(isOfHost).flatMap((record) => globalAddress(record) ?? [])
  if (glue.length > 0) return glue
  return ADDRESS_TYPES.flatMap((type) => {
    const found = lookUp(zone, host, type)
    return found.kind === 'answer' ? found.records.flatMap((record) => globalAddress(record) ?? []) : []
  })
}

/** Protocol 3: nobody's zone makes this node speak to machines of its own home. */
function globalAddress({ type, data }: ResourceRecord): string | undefined {
  if ((type !== RecordType.A && type !== RecordType.AAAA) || isInward(data)) return undefined
  return data.length === 4 ? formatIPv4(data) : formatIPv6(data)
}
