/** `kadns token`: prints the token that writing over REST takes. */
import { readToken, TokenFault, tokenFile } from '../api/token.ts'
import { configFor, Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns token [--json] [--data DIRECTORY]: prints the API token of that data directory.

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

async function printToken(dataDirectory: string, json: boolean): Promise<number> {
  try {
    const found = await readToken(tokenFile(dataDirectory))
    process.stdout.write(json ? `${JSON.stringify({ token: found })}\n` : `${found}\n`)
    return Exit.done
  } catch (fault) {
    if (!(fault instanceof TokenFault)) throw fault
    process.stderr.write(`kadns: ${fault.message}\n`)
    return Exit.refused
  }
}
