/** `kadns token`: prints the token that writing over REST takes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFor, parseCommandLine, UsageFault } from './usage.ts'

export async function token(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help || line.words.length > 0) {
    process.stdout.write('kadns token [--data DIRECTORY]: prints the API token of that data directory.\n')
    return line.help ? 0 : 2
  }
  process.stdout.write(`${readTokenOf(configFor(line).data)}\n`)
  return 0
}

/** @throws UsageFault when there is none yet */
export function readTokenOf(dataDirectory: string): string {
  const file = join(dataDirectory, 'api-token')
  try {
    return readFileSync(file, 'latin1').trim()
  } catch {
    throw new UsageFault([`There is no token in ${file}; a node makes it at its first start (kadns up).`])
  }
}
