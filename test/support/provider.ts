/** The scripted provider that the package ships: our own tests are its first users. */
export { startProvider } from '../../src/testing.ts'
export type { Exchange, Provider, Script } from '../../src/testing.ts'
