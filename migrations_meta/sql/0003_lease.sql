-- A live lease is its holder's alone, whatever column privileges another worker has on the row.

ALTER TABLE orch.lease ADD COLUMN login text;

CREATE FUNCTION orch.guard_lease() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, orch, pg_temp AS $$
DECLARE
    owns boolean := pg_has_role(current_user, (SELECT k.relowner FROM pg_class k WHERE k.oid = TG_RELID), 'USAGE');
    given boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT owns AND (NEW.owner IS NOT NULL OR NEW.fence <> 0) THEN
            RAISE EXCEPTION 'the lease of % begins with nobody', NEW.change_id USING ERRCODE = '42501';
        END IF;
        NEW.login := NULL;
        RETURN NEW;
    END IF;
    given := NEW.owner IS NOT NULL AND NEW.fence <> OLD.fence;
    NEW.login := CASE WHEN given THEN session_user ELSE OLD.login END;
    IF NEW.owner IS NULL THEN
        NEW.login := NULL;
    END IF;
    IF owns THEN
        RETURN NEW;
    ELSIF OLD.owner IS NOT NULL AND OLD.expires_at > clock_timestamp() AND OLD.login IS DISTINCT FROM session_user THEN
        RAISE EXCEPTION 'the lease of % is held by %', OLD.change_id, coalesce(OLD.login, 'another login')
            USING ERRCODE = '42501', HINT = 'It is free once it has expired.';
    ELSIF NEW.fence < OLD.fence OR NEW.change_id <> OLD.change_id
        OR (given AND OLD.expires_at > clock_timestamp())
        OR (NOT given AND NEW.owner IS NOT NULL AND (NEW.owner IS DISTINCT FROM OLD.owner
            OR NEW.acquired_at IS DISTINCT FROM OLD.acquired_at OR OLD.expires_at <= clock_timestamp())) THEN
        RAISE EXCEPTION 'the lease of % is taken with a greater fence once it is free', OLD.change_id
            USING ERRCODE = '42501';
    ELSIF NEW.expires_at > clock_timestamp() + interval '1 hour' THEN
        RAISE EXCEPTION 'a lease is granted for an hour at most' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON orch.lease FOR EACH ROW EXECUTE FUNCTION orch.guard_lease();
ALTER TABLE orch.lease ENABLE ALWAYS TRIGGER guard;

REVOKE ALL ON FUNCTION orch.guard_lease() FROM PUBLIC;
