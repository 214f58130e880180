import { readFileSync } from 'node:fs'

const PAGE = new URL('../../docs/protocol.md', import.meta.url)

/** A vector of docs/protocol.md: a block marked "vector <title>", each line a field and its value. */
export function readVector(title: string): Record<string, string> {
  const page = readFileSync(PAGE, 'utf8')
  const block = page.split('```').find((part) => part.startsWith(`vector ${title}\n`))
  if (block === undefined) throw new Error(`docs/protocol.md has no vector "${title}".`)
  const lines = block.trim().split('\n').slice(1)
  return Object.fromEntries(lines.map((line) => line.split(/\s+/) as [string, string]))
}
