-- People with held mail by brand: not asked yet, and asked.
SELECT brand, count(DISTINCT iif(asked_at IS NULL, wide, NULL)), count(DISTINCT iif(asked_at IS NULL, NULL, wide)) FROM copies
WHERE state = 'held' AND reason IN ('stale', 'renewal-due', 'first-mail-late') GROUP BY brand
