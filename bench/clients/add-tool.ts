/** The one tool of the clients that run tools. */

export const DESCRIPTION = 'Adds two numbers.'

export const PARAMETERS = {
  type: 'object',
  properties: { a: { type: 'number' }, b: { type: 'number' } },
  required: ['a', 'b'],
  additionalProperties: false,
} as const

export interface Numbers {
  readonly a: number
  readonly b: number
}

export const add = ({ a, b }: Numbers): number => a + b
