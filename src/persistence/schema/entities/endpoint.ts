/**
 * The `endpoint` table as an entity. The migrations create the table.
 *
 * Secrets are sealed before they come here.
 */
import { defineEntity, p } from '@mikro-orm/core'
import type { Dialect } from '../../../protocol/endpoint.ts'

export const EndpointSchema = defineEntity({
  name: 'Endpoint',
  tableName: 'endpoint',
  properties: {
    name: p.text().primary(),
    url: p.text(),
    dialect: p.text().$type<Dialect>(),
    model: p.text().nullable(),
    local: p.integer(),
    headerNames: p.text(),
    sealedSecrets: p.text().nullable(),
    fallbacks: p.text().nullable(),
    options: p.text().nullable(),
  },
})

/** A named provider address. */
export class Endpoint extends EndpointSchema.class {}
EndpointSchema.setClass(Endpoint)
