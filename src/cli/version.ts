/** `kadns version` */
import { readFileSync } from 'node:fs'

export async function version(): Promise<number> {
  const { version: number } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`kadns ${number} on Node ${process.versions.node}\n`)
  return 0
}
