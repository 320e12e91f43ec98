//! The tables of `pg_catalog` and `information_schema` that clients look into, with their columns as PostgreSQL 16 has
//! them: `i` is a number, `b` a truth value, `t` a text. Numbers that PostgreSQL calls `oid` are `bigint` here.

/// A system table.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// Names and kinds, `oid:i relname:t`.
    columns: &'static str,
    /// Whether it never has a row, since a gateway has nothing of the kind.
    pub(super) is_empty: bool,
}

/// What a column of a system table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Truth,
    Text,
}

impl System {
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        self.columns.split_whitespace().filter_map(|column| {
            let (name, kind) = column.split_once(':')?;
            let kind = match kind {
                "i" => Kind::Number,
                "b" => Kind::Truth,
                _ => Kind::Text,
            };
            Some((name, kind))
        })
    }
}

/// A system table by its name, behind its schema or alone.
pub(super) fn table(schema: Option<&str>, name: &str) -> Option<&'static System> {
    let schema = schema.unwrap_or(PG_CATALOG);
    TABLES.iter().find(|table| table.schema == schema && table.name == name)
}

pub(super) const PG_CATALOG: &str = "pg_catalog";
pub(super) const INFORMATION_SCHEMA: &str = "information_schema";

const fn pg(name: &'static str, columns: &'static str) -> System {
    System { schema: PG_CATALOG, name, columns, is_empty: false }
}

const fn none(name: &'static str, columns: &'static str) -> System {
    System { schema: PG_CATALOG, name, columns, is_empty: true }
}

const fn information(name: &'static str, columns: &'static str, is_empty: bool) -> System {
    System { schema: INFORMATION_SCHEMA, name, columns, is_empty }
}

#[rustfmt::skip]
const TABLES: &[System] = &[
    pg("pg_am", "oid:i amname:t amhandler:t amtype:t"),
    pg("pg_attribute", "attrelid:i attname:t atttypid:i attlen:i attnum:i attcacheoff:i atttypmod:i attndims:i \
        attbyval:b attalign:t attstorage:t attcompression:t attnotnull:b atthasdef:b atthasmissing:b attidentity:t \
        attgenerated:t attisdropped:b attislocal:b attinhcount:i attstattarget:i attcollation:i attacl:t attoptions:t \
        attfdwoptions:t attmissingval:t"),
    pg("pg_class", "oid:i relname:t relnamespace:i reltype:i reloftype:i relowner:i relam:i relfilenode:i \
        reltablespace:i relpages:i reltuples:i relallvisible:i reltoastrelid:i relhasindex:b relisshared:b \
        relpersistence:t relkind:t relnatts:i relchecks:i relhasrules:b relhastriggers:b relhassubclass:b \
        relrowsecurity:b relforcerowsecurity:b relispopulated:b relreplident:t relispartition:b relrewrite:i \
        relfrozenxid:i relminmxid:i relacl:t reloptions:t relpartbound:t"),
    pg("pg_database", "oid:i datname:t datdba:i encoding:i datlocprovider:t datistemplate:b datallowconn:b \
        datconnlimit:i datfrozenxid:i datminmxid:i dattablespace:i datcollate:t datctype:t daticulocale:t datlocale:t \
        daticurules:t datcollversion:t datacl:t"),
    pg("pg_description", "objoid:i classoid:i objsubid:i description:t"),
    pg("pg_matviews", "schemaname:t matviewname:t matviewowner:t tablespace:t hasindexes:b ispopulated:b definition:t"),
    pg("pg_namespace", "oid:i nspname:t nspowner:i nspacl:t"),
    pg("pg_roles", "rolname:t rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b rolreplication:b \
        rolconnlimit:i rolpassword:t rolvaliduntil:t rolbypassrls:b rolconfig:t oid:i"),
    pg("pg_settings", "name:t setting:t unit:t category:t short_desc:t extra_desc:t context:t vartype:t source:t \
        min_val:t max_val:t enumvals:t boot_val:t reset_val:t sourcefile:t sourceline:i pending_restart:b"),
    pg("pg_tablespace", "oid:i spcname:t spcowner:i spcacl:t spcoptions:t"),
    pg("pg_type", "oid:i typname:t typnamespace:i typowner:i typlen:i typbyval:b typtype:t typcategory:t \
        typispreferred:b typisdefined:b typdelim:t typrelid:i typsubscript:t typelem:i typarray:i typinput:t \
        typoutput:t typreceive:t typsend:t typmodin:t typmodout:t typanalyze:t typalign:t typstorage:t typnotnull:b \
        typbasetype:i typtypmod:i typndims:i typcollation:i typdefaultbin:t typdefault:t typacl:t"),
    pg("pg_user", "usename:t usesysid:i usecreatedb:b usesuper:b userepl:b usebypassrls:b passwd:t valuntil:t useconfig:t"),
    none("pg_aggregate", "aggfnoid:i aggkind:t"),
    none("pg_attrdef", "oid:i adrelid:i adnum:i adbin:t"),
    none("pg_auth_members", "oid:i roleid:i member:i grantor:i admin_option:b"),
    none("pg_cast", "oid:i castsource:i casttarget:i castfunc:i castcontext:t castmethod:t"),
    none("pg_collation", "oid:i collname:t collnamespace:i collowner:i collprovider:t collisdeterministic:b \
        collencoding:i collcollate:t collctype:t"),
    none("pg_constraint", "oid:i conname:t connamespace:i contype:t condeferrable:b condeferred:b convalidated:b \
        conrelid:i contypid:i conindid:i conparentid:i confrelid:i confupdtype:t confdeltype:t confmatchtype:t \
        conislocal:b coninhcount:i connoinherit:b conkey:t confkey:t conbin:t"),
    none("pg_conversion", "oid:i conname:t connamespace:i"),
    none("pg_db_role_setting", "setdatabase:i setrole:i setconfig:t"),
    none("pg_default_acl", "oid:i defaclrole:i defaclnamespace:i defaclobjtype:t defaclacl:t"),
    none("pg_depend", "classid:i objid:i objsubid:i refclassid:i refobjid:i refobjsubid:i deptype:t"),
    none("pg_enum", "oid:i enumtypid:i enumsortorder:i enumlabel:t"),
    none("pg_event_trigger", "oid:i evtname:t evtevent:t evtowner:i evtfoid:i evtenabled:t evttags:t"),
    none("pg_extension", "oid:i extname:t extowner:i extnamespace:i extrelocatable:b extversion:t"),
    none("pg_foreign_data_wrapper", "oid:i fdwname:t fdwowner:i fdwhandler:i fdwvalidator:i fdwacl:t fdwoptions:t"),
    none("pg_foreign_server", "oid:i srvname:t srvowner:i srvfdw:i srvtype:t srvversion:t srvacl:t srvoptions:t"),
    none("pg_foreign_table", "ftrelid:i ftserver:i ftoptions:t"),
    none("pg_index", "indexrelid:i indrelid:i indnatts:i indnkeyatts:i indisunique:b indnullsnotdistinct:b \
        indisprimary:b indisexclusion:b indimmediate:b indisclustered:b indisvalid:b indcheckxmin:b indisready:b \
        indislive:b indisreplident:b indkey:t indcollation:t indclass:t indoption:t indexprs:t indpred:t"),
    none("pg_indexes", "schemaname:t tablename:t indexname:t tablespace:t indexdef:t"),
    none("pg_inherits", "inhrelid:i inhparent:i inhseqno:i inhdetachpending:b"),
    none("pg_language", "oid:i lanname:t lanowner:i"),
    none("pg_largeobject_metadata", "oid:i lomowner:i lomacl:t"),
    none("pg_locks", "locktype:t database:i relation:i pid:i mode:t granted:b"),
    none("pg_opclass", "oid:i opcmethod:i opcname:t opcnamespace:i opcdefault:b"),
    none("pg_operator", "oid:i oprname:t oprnamespace:i"),
    none("pg_partitioned_table", "partrelid:i partstrat:t partnatts:i"),
    none("pg_policies", "schemaname:t tablename:t policyname:t"),
    none("pg_policy", "oid:i polname:t polrelid:i polcmd:t polpermissive:b polroles:t polqual:t polwithcheck:t"),
    none("pg_proc", "oid:i proname:t pronamespace:i proowner:i prolang:i prokind:t proretset:b prorettype:i \
        proargtypes:t proallargtypes:t proargmodes:t proargnames:t prosrc:t pronargs:i"),
    none("pg_publication", "oid:i pubname:t pubowner:i puballtables:b"),
    none("pg_publication_namespace", "oid:i pnpubid:i pnnspid:i"),
    none("pg_publication_rel", "oid:i prpubid:i prrelid:i prqual:t prattrs:t"),
    none("pg_range", "rngtypid:i rngsubtype:i"),
    none("pg_rewrite", "oid:i rulename:t ev_class:i ev_type:t ev_enabled:t is_instead:b"),
    none("pg_rules", "schemaname:t tablename:t rulename:t definition:t"),
    none("pg_sequence", "seqrelid:i seqtypid:i seqstart:i seqincrement:i seqmax:i seqmin:i seqcache:i seqcycle:b"),
    none("pg_sequences", "schemaname:t sequencename:t sequenceowner:t"),
    none("pg_shdescription", "objoid:i classoid:i description:t"),
    none("pg_statistic_ext", "oid:i stxrelid:i stxname:t stxnamespace:i stxowner:i stxkind:t stxstattarget:i"),
    none("pg_subscription", "oid:i subname:t"),
    none("pg_tables", "schemaname:t tablename:t tableowner:t tablespace:t hasindexes:b hasrules:b hastriggers:b \
        rowsecurity:b"),
    none("pg_trigger", "oid:i tgrelid:i tgparentid:i tgname:t tgfoid:i tgtype:i tgenabled:t tgisinternal:b"),
    none("pg_ts_config", "oid:i cfgname:t cfgnamespace:i cfgowner:i cfgparser:i"),
    none("pg_ts_dict", "oid:i dictname:t dictnamespace:i dictowner:i dicttemplate:i dictinitoption:t"),
    none("pg_ts_parser", "oid:i prsname:t prsnamespace:i"),
    none("pg_ts_template", "oid:i tmplname:t tmplnamespace:i"),
    none("pg_user_mappings", "umid:i srvid:i srvname:t umuser:i usename:t umoptions:t"),
    none("pg_views", "schemaname:t viewname:t viewowner:t definition:t"),
    information("schemata", "catalog_name:t schema_name:t schema_owner:t default_character_set_catalog:t \
        default_character_set_schema:t default_character_set_name:t sql_path:t", false),
    // As in PostgreSQL, materialized views are not in these.
    information("tables", "table_catalog:t table_schema:t table_name:t table_type:t \
        self_referencing_column_name:t reference_generation:t user_defined_type_catalog:t \
        user_defined_type_schema:t user_defined_type_name:t is_insertable_into:t is_typed:t commit_action:t", true),
    information("columns", "table_catalog:t table_schema:t table_name:t column_name:t ordinal_position:i \
        column_default:t is_nullable:t data_type:t character_maximum_length:i character_octet_length:i \
        numeric_precision:i numeric_precision_radix:i numeric_scale:i datetime_precision:i udt_catalog:t \
        udt_schema:t udt_name:t is_identity:t is_generated:t is_updatable:t", true),
    information("views", "table_catalog:t table_schema:t table_name:t view_definition:t check_option:t \
        is_updatable:t", true),
    information("table_constraints", "constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t \
        table_schema:t table_name:t constraint_type:t is_deferrable:t initially_deferred:t", true),
    information("key_column_usage", "constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t \
        table_schema:t table_name:t column_name:t ordinal_position:i position_in_unique_constraint:i", true),
    information("constraint_column_usage", "table_catalog:t table_schema:t table_name:t column_name:t \
        constraint_catalog:t constraint_schema:t constraint_name:t", true),
    information("referential_constraints", "constraint_catalog:t constraint_schema:t constraint_name:t \
        unique_constraint_catalog:t unique_constraint_schema:t unique_constraint_name:t match_option:t \
        update_rule:t delete_rule:t", true),
    information("routines", "specific_catalog:t specific_schema:t specific_name:t routine_catalog:t \
        routine_schema:t routine_name:t routine_type:t data_type:t", true),
    information("parameters", "specific_catalog:t specific_schema:t specific_name:t ordinal_position:i \
        parameter_name:t data_type:t", true),
    information("sequences", "sequence_catalog:t sequence_schema:t sequence_name:t data_type:t", true),
    information("triggers", "trigger_catalog:t trigger_schema:t trigger_name:t event_object_table:t", true),
];
