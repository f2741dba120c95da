/** Waits, in words that a person reads at a glance. Rounded up: nobody comes back too early. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${Math.ceil(seconds * 10) / 10} s`
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`
  return `${Math.ceil(seconds / 3600)} h`
}
