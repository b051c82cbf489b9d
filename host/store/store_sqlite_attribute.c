/* SPDX-License-Identifier: Apache-2.0
 * Integration attributes: values by name that an integration needs on an entity. */
#include "store/store_sqlite.h"

static int find_place(struct store_sqlite_writer *writer, const struct store_attribute *attribute,
                      uint64_t *out_entity, struct err *err)
{
    const struct store_entity wanted = {.id = attribute->entity};
    struct store_sqlite_met met = {0};
    int status = store_rules_check_attribute(attribute, err);

    if (status == 0 && store_sqlite_integration_find(writer, attribute->integration, err) == NULL)
        return E_NOT_FOUND;
    if (status == 0)
        status = store_sqlite_find_entity(writer, &wanted, 0, &met, err);
    if (status < 0)
        return status;
    if (status == 0 || met.is_deleted)
        return err_set(err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(attribute->entity));
    *out_entity = met.number;
    return 0;
}

int store_sqlite_attribute(void *pointer, struct store_attribute *attribute, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    sqlite3_stmt *statement;
    uint64_t entity = 0;
    int status = find_place(writer, attribute, &entity, err);

    if (status < 0)
        return status;
    if (attribute->value.len == 0)
        statement = store_sqlite_use(&writer->handle, S_ATTRIBUTE_NOT,
                                     "DELETE FROM attributes WHERE entity = ?1 AND integration = ?2"
                                     " AND name = ?3");
    else
        statement = store_sqlite_use(&writer->handle, S_ATTRIBUTE,
                                     "INSERT INTO attributes (entity, integration, name, value)"
                                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET value = "
                                     "?4");
    (void)sqlite3_bind_int64(statement, 1, (int64_t)entity);
    (void)sqlite3_bind_int64(statement, 2, attribute->integration);
    store_sqlite_bind_text(statement, 3, attribute->name);
    if (attribute->value.len > 0)
        store_sqlite_bind_text(statement, 4, attribute->value);
    status = store_sqlite_run(writer, statement, "cannot keep an attribute", err);
    if (status == 0 && attribute->value.len == 0 && sqlite3_changes(writer->handle.db) == 0)
        return store_rules_no_attribute(attribute, err);
    return status;
}
