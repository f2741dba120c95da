/** The command line or the environment is wrong. `message` says how, for a person. */
export class MisuseError extends Error {
  override readonly name = 'MisuseError'
}
