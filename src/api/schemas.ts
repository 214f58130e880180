/** What goes over the wire of the API, as JSON schema: validation, serialising and OpenAPI follow from it. */
import { Type } from 'typebox'
import { MAX_TTL } from '../dns/message.ts'

export const Sequence = Type.String({
  pattern: '^\\d+$',
  description: 'Microseconds since the Unix epoch; the higher is newer.',
})
const Expires = Type.String({ format: 'date-time', description: 'From then on nobody serves the zone.' })
const ExpiresIfEver = Type.Union([Expires, Type.Null()], {
  description:
    'From then on nobody serves the zone; null: never, as of a revoked key, or after the last year of the calendar.',
})

export const RecordSchema = Type.Object(
  {
    name: Type.String({
      description: 'Relative to the zone; @ is the apex; a final dot makes it absolute.',
      examples: ['www'],
    }),
    type: Type.String({ examples: ['A'] }),
    ttl: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_TTL, default: 300, description: 'Seconds.' })),
    value: Type.String({ description: 'As in a zone file.', examples: ['192.0.2.1'] }),
  },
  { additionalProperties: false },
)

export const RecordsBody = Type.Object({ records: Type.Array(RecordSchema) }, { additionalProperties: false })

export const RecordSetBody = Type.Object(
  {
    records: Type.Array(
      Type.Object(
        { ttl: RecordSchema.properties.ttl, value: RecordSchema.properties.value },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

export const RecordSetParams = Type.Object({
  key: Type.String(),
  name: Type.String({ description: 'Relative to the zone; @ is the apex.', examples: ['www'] }),
  type: Type.String({ examples: ['A'] }),
})

export const CreatedZone = Type.Object({
  key: Type.String({ description: '52 characters of z-base-32.' }),
  name: Type.String({ description: 'What people type.' }),
})

const Left = Type.Optional(
  Type.Array(Type.String(), { description: 'What of a zone file was left out, and why.' }),
)

export const ZoneSummary = Type.Object({
  key: Type.String(),
  name: Type.String(),
  sequence: Sequence,
  expires: ExpiresIfEver,
})
export const ZoneList = Type.Object({
  zones: Type.Array(
    Type.Object({
      ...ZoneSummary.properties,
      backup: Type.Boolean({
        description: 'Whether its owner has made a copy of the key (kadns key backup).',
      }),
    }),
  ),
})
const Scope = Type.Union(
  ['any', 'lan', 'wan'].map((word) => Type.Literal(word)),
  {
    description:
      'Which networks may carry the zone: any, lan: a local one only, wan: not a local one. It stays as it was made.',
  },
)
export const ZoneScope = Type.Object({ scope: Type.Optional(Scope) })
export const ZoneDetail = Type.Object({
  ...ZoneSummary.properties,
  scope: Scope,
  own: Type.Boolean({ description: 'Whether this node signs it.' }),
  backup: Type.Optional(Type.Boolean()),
  storedOn: Type.Optional(Type.Integer({ description: 'Other nodes that have acknowledged it so far.' })),
  copies: Type.Optional(
    Type.Integer({ description: "Of somebody else's: how many of the closest peers hold the newest." }),
  ),
  age: Type.Optional(
    Type.Integer({ description: 'Seconds since other nodes confirmed that it is the newest.' }),
  ),
  superseded: Type.Optional(
    Type.String({
      description:
        'The sequence signed here, where a newer zone that another device signed has taken its place.',
    }),
  ),
  records: Type.Array(RecordSchema),
})

export const PublishedZone = Type.Object({
  sequence: Sequence,
  expires: ExpiresIfEver,
  storedOn: Type.Integer({
    description:
      'Other nodes that have acknowledged; from 20 on it is handed on behind this reply. 0: kept here, and sent when a node appears.',
  }),
})

export const WrittenZone = Type.Object({ ...PublishedZone.properties, left: Left })
export const MadeZone = Type.Object({ ...CreatedZone.properties, left: Left })

/** Records of some sets in place of what was there, and sets that go. */
export const ZonePatch = Type.Object(
  {
    records: Type.Optional(Type.Array(RecordSchema)),
    delete: Type.Optional(
      Type.Array(
        Type.Object(
          { name: RecordSchema.properties.name, type: RecordSchema.properties.type },
          { additionalProperties: false },
        ),
      ),
    ),
  },
  { additionalProperties: false },
)

export const ForgottenZone = Type.Object({
  directory: Type.String({ description: 'Where on this machine key and zone are put away.' }),
})

/** Lines of JSON or events: not described further. */
export const StreamReply = Type.String()

export const LookupParams = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 1100, description: 'A name that belongs to a key.' }),
})
export const LookupQuery = Type.Object(
  {
    type: Type.Optional(Type.String({ default: 'A' })),
    until: Type.Optional(
      Type.Union([Type.Literal('first'), Type.Literal('closest')], {
        default: 'first',
        description: 'first: as a question does it; closest: until all of the closest peers were heard.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const ZoneParams = Type.Object({ key: Type.String() })

export const ResolveQuery = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1100, examples: ['example.org'] }),
    type: Type.Optional(Type.String({ default: 'A' })),
  },
  { additionalProperties: false },
)

export const Resolved = Type.Object({
  name: Type.String(),
  type: Type.String(),
  rcode: Type.String({ examples: ['NOERROR', 'NXDOMAIN', 'SERVFAIL'] }),
  answers: Type.Array(
    Type.Object({ name: Type.String(), type: Type.String(), ttl: Type.Integer(), value: Type.String() }),
  ),
  from: Type.Union(['cache', 'zone', 'upstream', 'local', 'stale'].map((word) => Type.Literal(word))),
  lookup: Type.Optional(
    Type.Object(
      { asked: Type.Integer(), hops: Type.Integer(), milliseconds: Type.Number() },
      { description: 'How the zone was looked for among other nodes.' },
    ),
  ),
  error: Type.Optional(
    Type.Object({ code: Type.Integer(), text: Type.String() }, { description: 'RFC 8914' }),
  ),
})

const Reach = Type.Object(
  { mode: Type.Union([Type.Literal('server'), Type.Literal('client')]), reason: Type.String() },
  { description: 'Whether this node keeps zones for others, and why.' },
)

export const NodeInfo = Type.Object({
  peerId: Type.String(),
  name: Type.Optional(Type.String({ description: 'That others find it by (dht.named).' })),
  addresses: Type.Array(Type.String(), { description: 'Multiaddrs that other nodes can join by.' }),
  reach: Reach,
  peers: Type.Integer({ description: 'Nodes in the routing table.' }),
  clock: Type.Object({
    offsetSeconds: Type.Union([Type.Integer(), Type.Null()], {
      description: "By how much other nodes are ahead of this machine's clock; null: too few were heard.",
    }),
    trusted: Type.Boolean({ description: "Whether this machine's clock is held to be right." }),
  }),
  local: Type.Optional(
    Type.Object(
      { peerId: Type.String(), addresses: Type.Array(Type.String()), reach: Reach, peers: Type.Integer() },
      { description: 'The same of the local network, where other machines are found by mDNS.' },
    ),
  ),
  dns: Type.String(),
  api: Type.String(),
})

export const ReloadResult = Type.Object({
  keys: Type.Array(Type.String(), { description: 'Keys taken up: their files have come since.' }),
  lists: Type.Array(
    Type.Object({
      file: Type.String(),
      names: Type.Integer(),
      skipped: Type.Integer({ description: 'Lines that were not understood, and block nothing.' }),
    }),
  ),
  waiting: Type.Array(Type.String(), {
    description: 'Settings that have changed and wait for the next start.',
    examples: [['dns.listen']],
  }),
})

export const QueriesQuery = Type.Object(
  {
    name: Type.Optional(
      Type.String({ maxLength: 255, description: 'A part of the name.', examples: ['example'] }),
    ),
    rcode: Type.Optional(Type.String({ maxLength: 20, examples: ['NXDOMAIN'] })),
    after: Type.Optional(
      Type.String({ pattern: '^\\d{1,15}$', description: 'Only those with a higher number.' }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9]\\d{0,2}|1000)$',
        default: '100',
        description: 'How many, 1000 at most.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const QueryList = Type.Object({
  queries: Type.Array(
    Type.Object({
      number: Type.Integer({ description: 'Counts from 1 since the node started.' }),
      time: Type.String({ format: 'date-time' }),
      name: Type.String(),
      type: Type.String(),
      client: Type.String({
        description: 'The same word for the same address until the next start; it does not tell the address.',
      }),
      transport: Type.String({ examples: ['udp', 'tcp', 'tls', 'https'] }),
      rcode: Type.String(),
      origin: Type.String({
        examples: ['cache', 'zone', 'upstream', 'local', 'blocked', 'stale', 'failure', 'refused'],
      }),
      milliseconds: Type.Number({ description: 'Until the answer was ready.' }),
    }),
  ),
})

const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'A sentence for people.' }),
  faults: Type.Optional(
    Type.Array(
      Type.Object({
        index: Type.Optional(Type.Integer({ description: 'Which record, counted from 0.' })),
        field: Type.Optional(
          Type.String({ description: 'name, type, ttl, value, or record for the whole.' }),
        ),
        line: Type.Optional(Type.Integer({ description: 'Of a zone file.' })),
        column: Type.Optional(Type.Integer()),
        message: Type.String(),
      }),
      { description: 'What is wrong with the body, up to a hundred faults; of more, detail says how many.' },
    ),
  ),
})

/** What every route answers when it refuses (RFC 9457). */
export const Refusals = {
  '4xx': { description: 'Why not', content: { 'application/problem+json': { schema: Problem } } },
}

/** Of routes that change something. */
export const TOKEN_NEEDED = [{ token: [] }]

export const Health = Type.Object({ status: Type.String() })
