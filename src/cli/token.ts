/** `kadns token`: prints the token that writing over REST takes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns token [--data DIRECTORY]: prints the API token of that data directory.

For example:  curl -X POST -H "Authorization: Bearer $(kadns token)" http://127.0.0.1:8053/v1/zones
`

export async function token(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  if (line.words.length > 0) {
    throw new UsageFault([`kadns token takes settings only, not "${line.words[0]}".`])
  }
  return printToken(configFor(line).data, line.json)
}

function printToken(dataDirectory: string, json: boolean): number {
  try {
    const found = readTokenOf(dataDirectory)
    process.stdout.write(json ? `${JSON.stringify({ token: found })}\n` : `${found}\n`)
    return Exit.done
  } catch (cause) {
    process.stderr.write(`kadns: ${sentenceFor(cause, fileIn(dataDirectory))}\n`)
    return Exit.refused
  }
}

/** Throws the system's error when it cannot be read. */
export function readTokenOf(dataDirectory: string): string {
  return readFileSync(fileIn(dataDirectory), 'latin1').trim()
}

function fileIn(dataDirectory: string): string {
  return join(dataDirectory, 'api-token')
}

function sentenceFor(cause: unknown, file: string): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return `There is no token in ${file}; a node makes it at its first start (kadns up).`
  if (code === 'EACCES') return `The token in ${file} belongs to another user, the one who runs the node.`
  return `The token in ${file} cannot be read: ${message}.`
}
