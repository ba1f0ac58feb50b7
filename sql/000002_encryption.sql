-- Encryption at rest. The gateway runs this file by itself; where it may not change tables, their owner runs it once, after
-- the gateway before was stopped:
--
--   psql -1 -v schema=public -v snapshot=crossdc_snapshot -v meta=crossdc_snapshot_meta -f sql/000002_encryption.sql DATABASE

-- Both null for a content that is stored as it came. `bytes` and `sha256` of a row are those of the content itself;
-- `encryption_key` is the id of the key that it needs, `stored_bytes` the length of its pieces together.
ALTER TABLE :"schema".:"snapshot"
  ADD COLUMN encryption_key text COLLATE "C",
  ADD COLUMN stored_bytes bigint;

UPDATE :"schema".:"meta" SET value = '2' WHERE name = 'schema';
