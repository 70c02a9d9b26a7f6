#!/bin/sh
# Run once, by the PostgreSQL image, on an empty volume: a role of its own for the ledger and for Temporal.
set -eu
psql -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres \
  -v clueflow="$CLUEFLOW_DB_PASSWORD" -v temporal="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE clueflow LOGIN PASSWORD :'clueflow';
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal';
CREATE DATABASE clueflow OWNER clueflow TEMPLATE template0 ENCODING 'UTF8';
SQL
