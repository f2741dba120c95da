/** The scripted provider of the package: our own tests are its first users. */
export { startProvider } from '../../src/testing.ts'
export type { Exchange, Provider, Script } from '../../src/testing.ts'
