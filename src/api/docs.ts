/** The API described: as OpenAPI for programs, and the same as a page for people, with an example for each route. No scripts. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { EXAMPLES } from './examples.ts'

/** What of OpenAPI is read here. */
interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly unknown[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema?: { readonly description?: string; readonly default?: unknown }
    readonly description?: string
  }[]
  'x-codeSamples'?: readonly { readonly lang: string; readonly source: string }[]
}
interface Description {
  readonly info: { readonly title: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Adds the examples, in the member that renderers of OpenAPI know. */
export function withExamples(document: object): object {
  const description = (document as { openapiObject: Description }).openapiObject
  for (const [route, operation] of operationsOf(description)) {
    const source = EXAMPLES.get(route)
    if (source !== undefined) operation['x-codeSamples'] = [{ lang: 'Shell', source }]
  }
  return description
}

/** By method and path, as EXAMPLES has them. */
function operationsOf({ paths = {} }: Description): [route: string, operation: Operation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2733; background: #fff }
h2 { font: 600 1rem ui-monospace, monospace; margin: 2.5rem 0 .3rem; border-top: 1px solid #d5dbe1; padding-top: 1rem }
pre { background: #f3f5f7; padding: .8rem; overflow-x: auto; border-radius: 4px }
code, pre { font: .85rem/1.5 ui-monospace, monospace }
dt { font: .85rem ui-monospace, monospace } dd { margin: 0 0 .4rem 1.5rem }
.token { color: #8a4b00 }
@media (prefers-color-scheme: dark) { body { color: #d8dee5; background: #14191e } pre { background: #1e252c } .token { color: #e0a15c } h2 { border-color: #37424d } }
`
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'`

export function docsRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  app.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    reply.header('content-security-policy', POLICY)
    return reply.type('text/html; charset=utf-8').send(pageOf(app.swagger() as Description))
  })
}

function pageOf(description: Description): string {
  const { title, description: about = '' } = description.info
  const order = [...EXAMPLES.keys()]
  const operations = operationsOf(description).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${asHtml(title)}: REST</title><style>${STYLE}</style>
<h1>${asHtml(title)}: REST</h1>
<p>${asHtml(about)} For programs the same stands in <a href="/openapi.json">/openapi.json</a>.</p>
<p>Writing takes the token: <code>TOKEN=$(kadns token)</code>. What went wrong is told as a problem (RFC 9457): status, and a sentence in <code>detail</code>.</p>
${operations.map(([route, operation]) => sectionOf(route, operation)).join('\n')}
</html>
`
}

function sectionOf(route: string, operation: Operation): string {
  const {
    summary = '',
    description = '',
    security,
    parameters = [],
    'x-codeSamples': samples = [],
  } = operation
  const token = security ? ' <span class="token">takes the token</span>' : ''
  const rows = parameters.map(
    ({ name, schema, description: about }) =>
      `<dt>${asHtml(name)}</dt><dd>${asHtml(about ?? schema?.description ?? '')}</dd>`,
  )
  const parts = [
    `<h2>${asHtml(route)}${token}</h2>`,
    `<p>${asHtml(summary)}.</p>`,
    description === '' ? '' : `<p>${asHtml(description)}</p>`,
    rows.length === 0 ? '' : `<dl>${rows.join('')}</dl>`,
    ...samples.map(({ source }) => `<pre>${asHtml(source)}</pre>`),
  ]
  return parts.join('')
}

function asHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
