import { readFileSync } from 'node:fs'

/** The JSON of a file in test/fixtures; the caller says what is in it. */
export function readFixture<Content>(file: string): Content {
  return JSON.parse(readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8')) as Content
}
