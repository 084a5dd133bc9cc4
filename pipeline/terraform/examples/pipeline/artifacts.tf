# The pipeline's artifacts, and the key that they are encrypted with. The worker opens them by the job's own
# credentials, so neither needs to know of it.

resource "aws_kms_key" "artifacts" {
  description         = "The artifacts of the pipeline shop-web"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:An example; log the access if your rules want it
  #checkov:skip=CKV_AWS_21:An artifact is written once
  #checkov:skip=CKV_AWS_144:An artifact is worth nothing in another Region: its pipeline is in this one
  #checkov:skip=CKV2_AWS_62:Nobody waits for an artifact but the pipeline
  bucket = "shop-web-artifacts-${local.account}-${var.region}"
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.artifacts.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
