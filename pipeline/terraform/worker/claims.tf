# Where the workers keep their claims: a small object for every job, for as long as the job lasts.

resource "aws_s3_bucket" "claims" {
  #checkov:skip=CKV_AWS_18:A log of every renewal of every claim would be the larger bucket, and tells nothing
  #checkov:skip=CKV_AWS_21:A claim is worth nothing when it was overwritten or removed
  #checkov:skip=CKV_AWS_144:A claim is worth nothing in another Region: its job is in this one
  #checkov:skip=CKV2_AWS_62:Nobody waits for a claim
  bucket        = local.claims_bucket
  force_destroy = true
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "claims" {
  bucket = aws_s3_bucket.claims.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "claims" {
  bucket = aws_s3_bucket.claims.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "claims" {
  bucket = aws_s3_bucket.claims.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "claims" {
  bucket = aws_s3_bucket.claims.id

  rule {
    # CodePipeline ends a custom action after 24 hours; what is older was left behind.
    id     = "expire"
    status = "Enabled"

    filter {
      prefix = "${local.claims_prefix}/"
    }

    expiration {
      days = 3
    }
  }

  rule {
    id     = "abort"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "claims" {
  bucket = aws_s3_bucket.claims.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedConnectionsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.claims.arn, "${aws_s3_bucket.claims.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.claims]
}
