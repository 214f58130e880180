/** Tokens that may do less than the node's own: read what is private, publish, or write one record set. Kept as digests. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Clock } from '../clock.ts'
import { JsonFile } from '../json-file.ts'
import { formatTime } from '../zone/signed-zone.ts'
import { HttpFault } from './problem.ts'
import { TokenFault } from './token.ts'

/** What a token may do. `set`: the records of one name in one zone, of these types. */
export const ScopeSchema = Type.Union([
  Type.Object({ kind: Type.Literal('read') }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('publish') }, { additionalProperties: false }),
  Type.Object(
    {
      kind: Type.Literal('set'),
      zone: Type.String({ pattern: '^[a-z0-9]{52}$' }),
      name: Type.String({
        minLength: 1,
        maxLength: 1100,
        description: 'Relative to the zone; @ is the apex.',
      }),
      types: Type.Array(Type.String({ pattern: '^[A-Z0-9-]{1,20}$' }), {
        minItems: 1,
        maxItems: 8,
        examples: [['A', 'AAAA']],
      }),
    },
    { additionalProperties: false },
  ),
])
export type Scope = Static<typeof ScopeSchema>

const GrantSchema = Type.Object({
  id: Type.String({ pattern: '^[a-z0-9]{8}$' }),
  about: Type.String({ maxLength: 100 }),
  created: Type.String(),
  digest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Of TSIG, in base64: an HMAC cannot be checked with a digest. */
  tsig: Type.Optional(Type.String({ maxLength: 100 })),
  scope: ScopeSchema,
})
const FileSchema = Type.Object({ format: Type.Literal('KadNS tokens 1'), grants: Type.Array(GrantSchema) })
type Grant = Static<typeof GrantSchema>

/** What of a token may be told. */
export type ListedGrant = Omit<Grant, 'digest' | 'tsig'> & { readonly tsig: boolean }

const TOKEN_OCTETS = 32
const MAX_GRANTS = 256

export class Grants {
  readonly #file: JsonFile
  readonly #clock: Clock
  #grants: readonly Grant[]

  private constructor(file: JsonFile, clock: Clock, grants: readonly Grant[]) {
    this.#file = file
    this.#clock = clock
    this.#grants = grants
  }

  /** @throws TokenFault where the file is none of ours */
  static async open(dataDirectory: string, clock: Clock): Promise<Grants> {
    const file = new JsonFile(join(dataDirectory, 'tokens.json'))
    const text = await file.read()
    return new Grants(file, clock, text === undefined ? [] : parse(text, file.path))
  }

  list(): ListedGrant[] {
    return this.#grants.map(({ digest: _, tsig, ...told }) => ({ ...told, tsig: tsig !== undefined }))
  }

  /** @returns the token, which is told this once @throws HttpFault 409, PublisherFault `storage` */
  async create(
    scope: Scope,
    { about, tsig = false }: { readonly about: string; readonly tsig?: boolean },
  ): Promise<{ readonly id: string; readonly token: string }> {
    return await this.#file.change(async () => await this.#create(scope, { about, tsig }))
  }

  async #create(
    scope: Scope,
    { about, tsig }: { readonly about: string; readonly tsig: boolean },
  ): Promise<{ readonly id: string; readonly token: string }> {
    if (this.#grants.length >= MAX_GRANTS)
      throw new HttpFault(409, `This node has ${MAX_GRANTS} tokens, which is all it keeps; delete one first.`)
    const token = randomBytes(TOKEN_OCTETS).toString(tsig ? 'base64' : 'base64url')
    const id = randomBytes(4).toString('hex')
    await this.#write([
      ...this.#grants,
      {
        id,
        about,
        created: formatTime(this.#clock.now()) ?? '',
        digest: digestOf(token).toString('hex'),
        scope,
        ...(tsig && { tsig: token }),
      },
    ])
    return { id, token }
  }

  /** @returns whether there was such a one @throws PublisherFault `storage` */
  async remove(id: string): Promise<boolean> {
    return await this.#file.change(async () => {
      const rest = this.#grants.filter((grant) => grant.id !== id)
      if (rest.length === this.#grants.length) return false
      await this.#write(rest)
      return true
    })
  }

  /** What a token may do; undefined for one nobody has given. Takes as long whichever it is. */
  scopeOf(token: string): Scope | undefined {
    const given = digestOf(token)
    const fits = this.#grants.filter(
      ({ digest, tsig }) => timingSafeEqual(Buffer.from(digest, 'hex'), given) && tsig === undefined,
    )
    return fits[0]?.scope
  }

  /** The secret of a key of TSIG, by the name it has in messages, and what may be written with it. */
  tsigNamed(id: string): { readonly secret: Buffer; readonly scope: Scope } | undefined {
    const grant = this.#grants.find((each) => each.id === id)
    return grant?.tsig === undefined
      ? undefined
      : { secret: Buffer.from(grant.tsig, 'base64'), scope: grant.scope }
  }

  async #write(grants: readonly Grant[]): Promise<void> {
    await this.#file.write({ format: 'KadNS tokens 1', grants })
    this.#grants = grants
  }
}

function parse(text: string, file: string): readonly Grant[] {
  try {
    return Value.Parse(FileSchema, JSON.parse(text)).grants
  } catch (cause) {
    throw new TokenFault(`The file ${file} is damaged; delete it, and make its tokens anew.`, { cause })
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
